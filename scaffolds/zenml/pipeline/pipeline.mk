# What `make run`, `sweep` and `prune` start, and the commands that only ZenML has.
RUN := -m pipeline.run --profile '$(PROFILE)'
SWEEP := $(RUN) --sweep
PRUNE := -m pipeline.prune --profile '$(PROFILE)'
MANIFESTS := -m pipeline.manifests
.PHONY: submit dashboard stacks

dashboard: $(READY) ## ZenML's dashboard at http://127.0.0.1:8237
	@$(PY) -m pipeline.dashboard $(ARGS)

submit: $(READY) ## run it on the cluster of deploy/cluster.yaml; ARGS=--sweep for the sweep
	@$(PY) -m pipeline.run --profile '$(CLUSTER)' $(ARGS)

stacks: $(READY) ## register the stacks in stacks/ with ZenML, or bring them up to date
	@$(PY) -m pipeline.stacks
