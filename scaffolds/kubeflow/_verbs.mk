.PHONY: compile submit schedule schedule-prune

compile: $(READY) ## compile the pipeline for the cluster into build/pipeline.yaml
	@$(KIT) compile --profile '$(CLUSTER)' $(ARGS)

submit: $(READY) ## run the pipeline on the cluster that KF_PIPELINES_ENDPOINT names
	@$(KIT) submit --profile '$(CLUSTER)' $(ARGS)

schedule: $(READY) ## schedule the pipeline on the cluster, replacing its last schedule: ARGS='--cron "0 0 3 * * *"'
	@$(KIT) schedule --profile '$(CLUSTER)' $(ARGS)

schedule-prune: $(READY) ## schedule the prune on the cluster, replacing its last schedule: ARGS='--cron "0 0 5 * * *"'
	@$(KIT) schedule-prune --profile '$(CLUSTER)' $(ARGS)
