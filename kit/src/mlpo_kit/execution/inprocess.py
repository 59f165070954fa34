"""Run a whole pipeline in this process, without an orchestrator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlpo_kit.execution.observers import Observer
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.pipeline import Stage
from mlpo_kit.runs.workspace import Run


def collect_inputs(stage: Stage[Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Collect a stage's inputs from the results of earlier stages, by stage name."""
    inputs: dict[str, Any] = {}
    for name, source in stage.inputs.items():
        producer, _, output = source.partition(".")
        inputs[name] = getattr(results[producer], output)
    return inputs


def run_pipeline(
    run: Run, last: str | None = None, observers: Sequence[Observer] = ()
) -> dict[str, Any]:
    """Run the stages in order, up to `last` if given; returns the results by stage name.

    Stops after a stage whose verdict is a refusal.
    """
    results: dict[str, Any] = {}
    for stage in run.pipeline.values():
        result = run_stage(run, stage, observers=observers, **collect_inputs(stage, results))
        results[stage.name] = result
        verdict = getattr(result, "verdict", None)
        if stage.name == last or (verdict is not None and not verdict.is_passed):
            break
    return results
