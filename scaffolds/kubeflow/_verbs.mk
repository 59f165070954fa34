.PHONY: compile submit schedule schedule-prune

compile: $(READY) ## write the pipeline for the cluster to build/pipeline.yaml
	@$(KIT) compile --profile '$(CLUSTER)' $(ARGS)

submit: $(READY) ## run the pipeline on the cluster that KF_PIPELINES_ENDPOINT names
	@$(KIT) submit --profile '$(CLUSTER)' $(ARGS)

schedule: $(READY) ## run the pipeline there on a schedule: ARGS='--cron "0 0 3 * * *"'
	@$(KIT) schedule --profile '$(CLUSTER)' $(ARGS)

schedule-prune: $(READY) ## prune there on a schedule: ARGS='--cron "0 0 5 * * *"'
	@$(KIT) schedule-prune --profile '$(CLUSTER)' $(ARGS)
