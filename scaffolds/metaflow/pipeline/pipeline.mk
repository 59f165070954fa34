# What `make run` and `make sweep` start, and the commands that only Metaflow has.
FLOW ?= pipeline/flow.py
# What `make preflight` asks comes before; SKIP='image registry' leaves questions out.
LAUNCH = pipeline/launch.py $(addprefix --skip ,$(SKIP)) --profile
RUN := $(LAUNCH) '$(PROFILE)' $(FLOW) run
SWEEP := $(LAUNCH) '$(PROFILE)' pipeline/sweep.py run
PRUNE := pipeline/prune.py --profile '$(PROFILE)'
MANIFESTS := pipeline/manifests.py
export FLOW
.PHONY: resume card workflow trigger workflow-delete

resume: $(READY) ## go on after the step that failed; FLOW=pipeline/sweep.py for a sweep
	@$(PY) $(LAUNCH) '$(PROFILE)' $(FLOW) resume $(ARGS); code=$$?; $(KIT) summary; exit $$code

card: $(READY) ## show Metaflow's live cards at http://127.0.0.1:8324
	@$(PY) $(LAUNCH) '$(PROFILE)' $(FLOW) card server $(ARGS)

workflow: $(READY) ## create or update the workflow on Argo, with PROFILE=batch on Step Functions
	@$(PY) $(LAUNCH) '$(CLUSTER)' $(FLOW) create $(ARGS)

trigger: $(READY) ## start the workflow once; ARGS='--epochs 5'
	@$(PY) $(LAUNCH) '$(CLUSTER)' $(FLOW) trigger $(ARGS)

workflow-delete: $(READY) ## delete the workflow and its schedule; what runs goes on
	@$(PY) $(LAUNCH) '$(CLUSTER)' $(FLOW) delete $(ARGS)
