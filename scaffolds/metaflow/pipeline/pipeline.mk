# What `make run` starts, and the commands that only Metaflow has.
RUN := pipeline/flow.py --config config 'configs/$(PROFILE).yaml' run
PRUNE := pipeline/prune.py --profile '$(PROFILE)'
.PHONY: resume card

resume: $(READY) ## go on after the step that failed
	@$(PY) pipeline/flow.py resume $(ARGS); code=$$?; $(KIT) summary; exit $$code

card: $(READY) ## show Metaflow's live cards at http://127.0.0.1:8324
	@$(PY) pipeline/flow.py card server $(ARGS)
