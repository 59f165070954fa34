.PHONY: submit dashboard stacks

dashboard: $(READY) ## ZenML's dashboard at http://127.0.0.1:8237
	@$(KIT) dashboard $(ARGS)

submit: $(READY) ## run it on the cluster of deploy/cluster.yaml
	@$(KIT) submit --profile '$(CLUSTER)' $(ARGS)

stacks: $(READY) ## register the stacks in stacks/ with ZenML, or bring them up to date
	@$(KIT) stacks $(ARGS)
