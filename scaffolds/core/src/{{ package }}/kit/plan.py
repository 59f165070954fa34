"""What the next run would do, stage by stage, without running it. Managed by mlpo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..stages import PIPELINE
from . import cache
from .runner import Lookup, identify, look_up, oldest_of
from .stage import Stage
from .store import Ref
from .workspace import Run


@dataclass(frozen=True)
class Step:
    """What would become of a stage: hit | run | depends (on the result of one that would run)."""

    stage: str
    verdict: str
    reason: str


def plan(run: Run) -> list[Step]:
    """The stages in their order. Nothing is written, and no stage is imported."""
    steps: list[Step] = []
    outputs: dict[str, Ref] = {}  # "<stage>.<output>" of the hits
    for stage in PIPELINE:
        step, found = _step(run, stage, outputs)
        steps.append(step)
        if found is not None and found.entry is not None:
            outputs |= {f"{stage.name}.{key}": ref for key, ref in found.entry.outputs.items()}
    return steps


def _step(run: Run, stage: Stage[Any], outputs: dict[str, Ref]) -> tuple[Step, Lookup | None]:
    inputs = {name: outputs[key] for name, key in stage.takes.items() if key in outputs}
    if len(inputs) == len(stage.takes):
        found = look_up(run, stage, inputs)
        return Step(stage.name, "hit" if found.state == "hit" else "run", found.reason), found
    found = identify(run, stage, inputs)
    if found.state == "off" or found.parts is None:
        return Step(stage.name, "run", found.reason), None
    reason = cache.foresee(run.store, stage.name, found.parts, oldest_of(run))
    if reason is not None:
        return Step(stage.name, "run", reason), None
    makers = [key.partition(".")[0] for key in stage.takes.values() if key not in outputs]
    return Step(stage.name, "depends", f"on what {' and '.join(makers)} gives"), None


def as_table(steps: list[Step]) -> str:
    """For people."""
    return "\n".join(f"  {s.stage:<11} {s.verdict:<8} {s.reason}" for s in steps)


def as_document(steps: list[Step]) -> dict[str, Any]:
    """For programs."""
    return {"schema_version": 1, "stages": [asdict(step) for step in steps]}
