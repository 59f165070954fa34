# What `make run`, `sweep` and `prune` start, and the commands that only ZenML has.
RUN := -m pipeline.run --profile '$(PROFILE)'
SWEEP := $(RUN) --sweep
PRUNE := -m pipeline.prune --profile '$(PROFILE)'
.PHONY: dashboard manifests stacks

dashboard: $(READY) ## ZenML's dashboard at http://127.0.0.1:8237
	@$(PY) -m pipeline.dashboard $(ARGS)

manifests: $(READY) ## print the Kubernetes Jobs that the gpu profile asks for; no cluster needed
	@$(PY) -m pipeline.manifests $(ARGS)

stacks: $(READY) ## register the stacks in stacks/ with ZenML, or bring them up to date
	@$(PY) -m pipeline.stacks
