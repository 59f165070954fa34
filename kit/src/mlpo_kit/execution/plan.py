"""Plan what the next run would do, stage by stage, without running it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from mlpo_kit.caching.entries import find_reason_to_run
from mlpo_kit.execution.lookup import Lookup, find_oldest_usable, identify, look_up
from mlpo_kit.runs.pipeline import Stage
from mlpo_kit.runs.workspace import Run, Workspace


@dataclass(frozen=True)
class Step:
    """What would happen to a stage: hit | run | depends (on the result of an earlier stage)."""

    stage: str
    verdict: str
    reason: str
    checkpoint: str | None = None  # what it would resume from: `run 7, epoch 3, step 12`


def plan_run(run: Run) -> list[Step]:
    """Plan the stages in order. Writes nothing and imports no stage."""
    steps: list[Step] = []
    outputs: dict[str, Any] = {}  # "<stage>.<output>" of the hits
    for stage in run.pipeline.values():
        step, lookup = _plan_stage(run, stage, outputs)
        steps.append(step)
        if lookup is not None and lookup.entry is not None:
            results = {**lookup.entry.values, **lookup.entry.outputs}
            outputs |= {f"{stage.name}.{name}": value for name, value in results.items()}
    return steps


def _plan_stage(run: Run, stage: Stage[Any], outputs: dict[str, Any]) -> tuple[Step, Lookup | None]:
    inputs = {name: outputs[key] for name, key in stage.inputs.items() if key in outputs}
    if len(inputs) == len(stage.inputs):
        lookup = look_up(run, stage, inputs)
        if lookup.state == "hit":
            return Step(stage.name, "hit", lookup.reason), lookup
        return Step(stage.name, "run", lookup.reason, _find_checkpoint(run, stage, lookup)), lookup
    lookup = identify(run, stage, inputs)
    if lookup.state == "off" or lookup.parts is None:
        return Step(stage.name, "run", lookup.reason), None
    reason = find_reason_to_run(run.store, stage.name, lookup.parts, find_oldest_usable(run))
    if reason is not None:
        return Step(stage.name, "run", reason), None
    unknown = [key for key in stage.inputs.values() if key not in outputs]
    producers = dict.fromkeys(key.partition(".")[0] for key in unknown)
    return Step(stage.name, "depends", f"on the result of {' and '.join(producers)}"), None


def _find_checkpoint(run: Run, stage: Stage[Any], lookup: Lookup) -> str | None:
    """Describe the checkpoint that the stage would resume from; None if there is none."""
    refs = Workspace(run, stage.name, lookup.key).read_checkpoints() if lookup.key else []
    ref = next(filter(run.store.has, refs), None)
    if ref is None:
        return None
    name = ref.key.rpartition("/")[2].removesuffix(".pt")
    match = re.fullmatch(r"(.+)-(\d+)-(\d+)", name)  # as the kit's training loop names it
    return f"run {match[1]}, epoch {match[2]}, step {match[3]}" if match else name


def format_plan(steps: list[Step]) -> str:
    """Format a plan for people."""
    width = max(11, *(len(step.stage) for step in steps))
    return "\n".join(
        f"  {s.stage:<{width}} {s.verdict:<8} {s.reason}"
        + (f"; it resumes from the checkpoint of {s.checkpoint}" if s.checkpoint else "")
        for s in steps
    )


def to_document(steps: list[Step]) -> dict[str, Any]:
    """Convert a plan to a JSON document."""
    return {"schema_version": 1, "stages": [asdict(step) for step in steps]}
