# What `make run`, `sweep` and `prune` start, and the commands that only Kubeflow has.
RUN := -m pipeline.run --profile '$(PROFILE)'
SWEEP := $(RUN) --sweep
PRUNE := -m pipeline.prune --profile '$(PROFILE)'
MANIFESTS := -m pipeline.manifests
.PHONY: compile submit schedule schedule-prune

compile: $(READY) ## write the pipeline for the cluster to build/pipeline.yaml
	@$(PY) -m pipeline.cluster compile --profile '$(CLUSTER)' $(ARGS)

submit: $(READY) ## run it on the cluster that KF_PIPELINES_ENDPOINT names
	@$(PY) -m pipeline.cluster submit --profile '$(CLUSTER)' $(ARGS)

schedule: $(READY) ## run it there at set times: ARGS='--cron "0 0 3 * * *"'
	@$(PY) -m pipeline.cluster schedule --profile '$(CLUSTER)' $(ARGS)

schedule-prune: $(READY) ## delete there what retention gives up: ARGS='--cron "0 0 5 * * *"'
	@$(PY) -m pipeline.cluster schedule-prune --profile '$(CLUSTER)' $(ARGS)
