# VARIANT=sweep selects the flow of a sweep, for these commands and for manifests and validate.
export MLPO_KIT_VARIANT := $(or $(VARIANT),$(MLPO_KIT_VARIANT))
.PHONY: resume card workflow trigger workflow-delete

resume: $(READY) ## resume the last run at the step that failed
	@$(KIT) resume --profile '$(PROFILE)' $(ARGS)

card: $(READY) ## show Metaflow's live cards at http://127.0.0.1:8324
	@$(KIT) card --profile '$(PROFILE)' $(ARGS)

workflow: $(READY) ## create or update the workflow on Argo; on Step Functions with PROFILE=batch
	@$(KIT) workflow --profile '$(CLUSTER)' $(ARGS)

trigger: $(READY) ## start the workflow once; ARGS='--set train.epochs=5' changes a setting
	@$(KIT) trigger --profile '$(CLUSTER)' $(ARGS)

workflow-delete: $(READY) ## delete the workflow and its schedule; a run that has started continues
	@$(KIT) workflow-delete --profile '$(CLUSTER)' $(ARGS)
