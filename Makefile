# mlpo: `make demo` shows everything, `make test` proves it.
PYTHON ?= python3
ARGS ?=

PARTS := $(addprefix test-fast-,mlpo metaflow kubeflow zenml)
.DEFAULT_GOAL := help
.PHONY: help setup environments demo test test-fast test-kit test-full coverage lint \
	format bench docs locks locks-check clean $(PARTS)
PY := .venv/bin/python
READY := .venv/ready
# A file stays on one core: its generated project is set up once. The slow files come first.
PYTEST := $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10
KIT := $(PY) scripts/test_kit.py
FAST := -n 0 -m "not slow" --hypothesis-profile quick

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1 - \2/'
	@echo '  ARGS="..." is passed to pytest, or to scripts/locks.py'

setup: $(READY) ## install mlpo and what its tests need into .venv

$(READY): requirements-dev.lock pyproject.toml scripts/setup.py
	@$(PYTHON) scripts/setup.py

demo: $(READY) ## recommend, generate, train, register, deploy and query a model; in demo/
	@mkdir -p demo
	@$(PY) -m mlpo_cli recommend --answers examples/startup.yaml
	@test -d demo/churn-model || (cd demo && ../$(PY) -m mlpo_cli new --answers ../examples/startup.yaml)
	@$(MAKE) --no-print-directory -C demo/churn-model setup run report predict

environments: $(READY) ## create the environments of the tests, one per orchestrator, in .envs/
	@$(PY) scripts/test_environments.py

test: $(READY) ## what a change must pass: sets up and runs generated projects, in minutes
	@$(MAKE) --no-print-directory -j 2 lint environments
	@$(KIT) --types
	@$(KIT) -m "not full" --durations 5 $(ARGS)
	@$(PYTEST) -m "not full" $(ARGS)

test-fast: $(READY) ## the tests that take seconds, for while you work
	@$(MAKE) --no-print-directory --output-sync --jobs 2 $(PARTS)

# A process for each part, two at once: in two processes one part would import everything twice.
test-fast-mlpo: $(READY)
	@$(PYTEST) $(FAST) $(ARGS)

$(filter-out test-fast-mlpo,$(PARTS)): test-fast-%: $(READY)
	@$(KIT) --only $* $(FAST) $(ARGS)

test-kit: $(READY) ## the tests of the library alone: ARGS='-k gate'
	@$(KIT) -m "not full" $(ARGS)

test-full: $(READY) ## every test: runs projects with every pair of options
	@$(MAKE) --no-print-directory -j 2 lint environments
	@$(KIT) --types
	@$(KIT) --durations 10 --hypothesis-profile thorough $(ARGS)
	@$(PYTEST) --hypothesis-profile thorough $(ARGS)

coverage: $(READY) ## show which lines the tests of mlpo and of the library reach
	@$(PYTEST) -m "not slow" --cov --cov-report=term:skip-covered $(ARGS)
	@$(KIT) -m "not slow" --cov mlpo_kit --cov-report=term:skip-covered $(ARGS)

lint: $(READY) ## check style, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m mypy --config-file tests/mypy.ini

format: $(READY) ## format the code
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: $(READY) ## run the benchmarks; no test depends on the results
	@$(PY) benchmarks/startup.py
	@$(PY) benchmarks/new.py
	@$(PY) benchmarks/check.py
	@$(PY) benchmarks/first_run.py
	@$(PY) benchmarks/first_run.py --orchestrator kubeflow
	@$(PY) benchmarks/second_run.py
	@$(PY) benchmarks/train.py
	@$(PY) benchmarks/gpu_seconds.py
	@$(PY) benchmarks/prune.py
	@$(PY) benchmarks/runs.py
	@$(PY) benchmarks/disk.py --runs 20
	@$(PY) benchmarks/tracking.py

docs: $(READY) ## write the generated pages, the index of the pages and the picture again
	@$(PY) scripts/docs.py

locks: $(READY) ## resolve the lock files again, or those of ARGS=kubeflow; needs the network
	@$(PY) scripts/locks.py $(ARGS)

locks-check: $(READY) ## say which lock files are not what their inputs resolve to; needs the network
	@$(PY) scripts/locks.py --check $(ARGS)

clean: ## remove the environment, caches and the demo
	@rm -rf .venv .envs .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage build dist demo
