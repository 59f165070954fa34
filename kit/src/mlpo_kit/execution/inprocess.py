"""Run a whole pipeline as plain calls in this process, without an orchestrator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlpo_kit.execution.observers import Observer
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.pipeline import Stage
from mlpo_kit.runs.workspace import Run


def collect_inputs(stage: Stage[Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Collect a stage's inputs from what earlier stages returned, by stage name."""
    inputs: dict[str, Any] = {}
    for name, taken in stage.inputs.items():
        maker, _, output = taken.partition(".")
        inputs[name] = getattr(results[maker], output)
    return inputs


def run_pipeline(
    run: Run, last: str | None = None, observers: Sequence[Observer] = ()
) -> dict[str, Any]:
    """Run every stage in its order, or those up to `last`; returns the results by stage name.

    After a refusal the stages behind it do not run.
    """
    results: dict[str, Any] = {}
    for stage in run.pipeline.values():
        result = run_stage(run, stage, observers=observers, **collect_inputs(stage, results))
        results[stage.name] = result
        verdict = getattr(result, "verdict", None)
        if stage.name == last or (verdict is not None and not verdict.is_passed):
            break
    return results
