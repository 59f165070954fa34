# What `make run` and `make sweep` start, and the commands that only Metaflow has.
FLOW ?= pipeline/flow.py
RUN := $(FLOW) --config config 'configs/$(PROFILE).yaml' run
SWEEP := pipeline/sweep.py --config config 'configs/$(PROFILE).yaml' run
PRUNE := pipeline/prune.py --profile '$(PROFILE)'
MANIFESTS := pipeline/manifests.py
.PHONY: resume card

resume: $(READY) ## go on after the step that failed; FLOW=pipeline/sweep.py for a sweep
	@$(PY) $(FLOW) resume $(ARGS); code=$$?; $(KIT) summary; exit $$code

card: $(READY) ## show Metaflow's live cards at http://127.0.0.1:8324
	@$(PY) $(FLOW) card server $(ARGS)
