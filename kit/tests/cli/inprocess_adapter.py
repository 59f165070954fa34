"""An adapter without an orchestrator: it calls the stages in this process.

It replaces the project's adapter, so that tests of the command line take milliseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from types import ModuleType
from typing import Any

import pytest

from mlpo_kit.cli.options import RunOptions
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import collect_inputs, run_pipeline
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.workspace import Run
from mlpo_kit.search.sweep import plan_sweep, read_sweep
from mlpo_kit.search.trials import choose_trial, run_trial

KEPT: set[str] = set()
DELETED: set[str] = set()
PROBLEMS: list[str] = []
OPTIONS: list[RunOptions] = []


def run(options: RunOptions) -> int:
    OPTIONS.append(options)
    if options.extra_arguments:
        raise PipelineError(f"there are no such options: {' '.join(options.extra_arguments)}")
    run = Run(
        str(time.time_ns()), "inprocess", options.load_settings(), use_cache=options.use_cache
    )
    if options.sweep:
        run_sweep(run, options.sweep)
    else:
        run_pipeline(run)
    return 0


def run_sweep(run: Run, name: str) -> None:
    sweep, trials = plan_sweep(read_sweep(name), run.settings)
    results: dict[str, Any] = {}
    for stage in run.pipeline.values():
        inputs = collect_inputs(stage, results)
        if stage.name == run.pipeline.training_stage:
            outcomes = [run_trial(run, trial, **inputs) for trial in trials]
            results[stage.name] = choose_trial(run, sweep, trials, outcomes)
        else:
            results[stage.name] = run_stage(run, stage, **inputs)


def find_kept_runs(settings: Any) -> Collection[str]:
    return KEPT


def delete_runs(settings: Any, run_ids: Collection[str]) -> None:
    DELETED.update(run_ids)


def render_manifests(settings: Any, document: dict[str, Any]) -> dict[str, list[Any]]:
    name = {"namespace": "default", "name": "own"}
    return {"own": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {}}]}


def find_manifest_problems(settings: Any, document: dict[str, Any]) -> list[str]:
    return []


def compare_pipeline() -> list[str]:
    return PROBLEMS


def install(patch: pytest.MonkeyPatch, project: Project) -> None:
    """Install this module in place of the adapter of the project's orchestrator."""
    module = ModuleType("adapter")
    vars(module).update(globals(), CLUSTER=Cluster, PRUNE_COMMAND=None)
    module.VERBS = {"greet": "greeting"}  # type: ignore[attr-defined]
    patch.setitem(sys.modules, f"mlpo_kit.{project.orchestrator}.adapter", module)
    for records in (KEPT, DELETED, PROBLEMS, OPTIONS):
        records.clear()
