# VARIANT=sweep is about the flow of a sweep, in these commands and in manifests and validate.
export MLPO_KIT_VARIANT := $(or $(VARIANT),$(MLPO_KIT_VARIANT))
.PHONY: resume card workflow trigger workflow-delete

resume: $(READY) ## go on after the step that failed
	@$(KIT) resume --profile '$(PROFILE)' $(ARGS)

card: $(READY) ## show Metaflow's live cards at http://127.0.0.1:8324
	@$(KIT) card --profile '$(PROFILE)' $(ARGS)

workflow: $(READY) ## create or update the workflow on Argo, with PROFILE=batch on Step Functions
	@$(KIT) workflow --profile '$(CLUSTER)' $(ARGS)

trigger: $(READY) ## start the workflow once; ARGS='--set train.epochs=5'
	@$(KIT) trigger --profile '$(CLUSTER)' $(ARGS)

workflow-delete: $(READY) ## delete the workflow and its schedule; what runs goes on
	@$(KIT) workflow-delete --profile '$(CLUSTER)' $(ARGS)
