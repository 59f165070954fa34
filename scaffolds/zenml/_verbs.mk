.PHONY: submit dashboard stacks

dashboard: $(READY) ## serve ZenML's dashboard at http://127.0.0.1:8237 until Ctrl-C
	@$(KIT) dashboard $(ARGS)

submit: $(READY) ## run the pipeline on the cluster that deploy/cluster.yaml describes; ARGS=--sweep runs the sweep
	@$(KIT) submit --profile '$(CLUSTER)' $(ARGS)

stacks: $(READY) ## register the stacks in stacks/ with ZenML, or update them
	@$(KIT) stacks $(ARGS)
