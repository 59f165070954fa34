# mlpo: `make demo` shows everything, `make test` proves it.
PYTHON ?= python3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint format bench docs locks clean
PY := .venv/bin/python
READY := .venv/ready
# A file stays on one core: its generated project is set up once.
PYTEST := $(PY) -m pytest -n 2 --dist loadfile

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1 - \2/'

setup: $(READY) ## install mlpo and what its tests need into .venv

$(READY): requirements-dev.lock pyproject.toml scripts/setup.py
	@$(PYTHON) scripts/setup.py

demo: $(READY) ## recommend, generate, train, register, deploy and ask a model; in demo/
	@mkdir -p demo
	@$(PY) -m mlpo_cli recommend --answers examples/startup.yaml
	@test -d demo/churn-model || (cd demo && ../$(PY) -m mlpo_cli new --answers ../examples/startup.yaml)
	@$(MAKE) --no-print-directory -C demo/churn-model setup run report predict

test: $(READY) lint ## everything: minutes, generated projects run for real
	@$(PYTEST) $(ARGS)

test-fast: $(READY) ## the inner loop: seconds
	@$(PYTEST) -m "not slow" $(ARGS)

lint: $(READY) ## style and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(READY) ## put the code into shape
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: $(READY) ## measure; ratios in one run, nothing is gated on them
	@$(PY) benchmarks/startup.py
	@$(PY) benchmarks/first_run.py
	@$(PY) benchmarks/first_run.py --orchestrator kubeflow

docs: $(READY) ## write docs/cli.md and docs/answers.schema.json anew
	@$(PY) scripts/docs.py

locks: $(READY) ## resolve every lock file again; needs the network
	@$(PY) scripts/locks.py

clean: ## remove the environment, caches and the demo
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist demo
