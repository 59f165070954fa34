.PHONY: compile submit schedule schedule-prune

compile: $(READY) ## write the pipeline for the cluster to build/pipeline.yaml
	@$(KIT) compile --profile '$(CLUSTER)' $(ARGS)

submit: $(READY) ## run it on the cluster that KF_PIPELINES_ENDPOINT names
	@$(KIT) submit --profile '$(CLUSTER)' $(ARGS)

schedule: $(READY) ## run it there at set times: ARGS='--cron "0 0 3 * * *"'
	@$(KIT) schedule --profile '$(CLUSTER)' $(ARGS)

schedule-prune: $(READY) ## delete there what retention gives up: ARGS='--cron "0 0 5 * * *"'
	@$(KIT) schedule-prune --profile '$(CLUSTER)' $(ARGS)
