.PHONY: submit dashboard stacks

dashboard: $(READY) ## show ZenML's dashboard at http://127.0.0.1:8237
	@$(KIT) dashboard $(ARGS)

submit: $(READY) ## run the pipeline on the cluster that deploy/cluster.yaml describes
	@$(KIT) submit --profile '$(CLUSTER)' $(ARGS)

stacks: $(READY) ## register or update the stacks in stacks/ with ZenML
	@$(KIT) stacks $(ARGS)
