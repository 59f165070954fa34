"""What the next run would do, stage by stage, without running it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mlpo_kit.caching.entries import find_reason_to_run
from mlpo_kit.execution.runner import Lookup, find_oldest_usable, identify, look_up
from mlpo_kit.runs.pipeline import Stage
from mlpo_kit.runs.workspace import Run


@dataclass(frozen=True)
class Step:
    """What would become of a stage: hit | run | depends (on the result of one that would run)."""

    stage: str
    verdict: str
    reason: str


def plan_run(run: Run) -> list[Step]:
    """Plan the stages in their order. Nothing is written, and no stage is imported."""
    steps: list[Step] = []
    outputs: dict[str, Any] = {}  # "<stage>.<output>" of the hits
    for stage in run.pipeline.values():
        step, known = _plan_stage(run, stage, outputs)
        steps.append(step)
        if known is not None and known.entry is not None:
            made = {**known.entry.values, **known.entry.outputs}
            outputs |= {f"{stage.name}.{name}": value for name, value in made.items()}
    return steps


def _plan_stage(run: Run, stage: Stage[Any], outputs: dict[str, Any]) -> tuple[Step, Lookup | None]:
    inputs = {name: outputs[key] for name, key in stage.inputs.items() if key in outputs}
    if len(inputs) == len(stage.inputs):
        known = look_up(run, stage, inputs)
        return Step(stage.name, "hit" if known.state == "hit" else "run", known.reason), known
    known = identify(run, stage, inputs)
    if known.state == "off" or known.parts is None:
        return Step(stage.name, "run", known.reason), None
    reason = find_reason_to_run(run.store, stage.name, known.parts, find_oldest_usable(run))
    if reason is not None:
        return Step(stage.name, "run", reason), None
    unknown = [key for key in stage.inputs.values() if key not in outputs]
    makers = dict.fromkeys(key.partition(".")[0] for key in unknown)
    return Step(stage.name, "depends", f"on what {' and '.join(makers)} gives"), None


def format_plan(steps: list[Step]) -> str:
    """Format a plan for people."""
    width = max(11, *(len(step.stage) for step in steps))
    return "\n".join(f"  {s.stage:<{width}} {s.verdict:<8} {s.reason}" for s in steps)


def to_document(steps: list[Step]) -> dict[str, Any]:
    """Turn a plan into a document for programs."""
    return {"schema_version": 1, "stages": [asdict(step) for step in steps]}
