"""A sweep: its trials in their order, and the best of them.

Pure: the same file and settings give the same trials. A random search is a sequence of its seed:
a longer one begins with a shorter one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from mlpo_kit.config.documents import parse_yaml
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.search.space import (
    Axis,
    Range,
    Sweep,
    check_sweep,
    find_problems,
    list_values,
)

DRAWS = 10_000  # what was not drawn by then is not there


@dataclass(frozen=True)
class Trial:
    """The stage that learns with some of its settings changed."""

    number: int  # from 1
    changes: Mapping[str, Any]  # by dotted name
    stage: str = "train"

    @property
    def place(self) -> str:
        """Its name in the run: of its record, and of the folder of its payloads."""
        return f"{self.stage}-{self.number}"

    def __str__(self) -> str:
        """What is different in it, such as `learning_rate 0.003, model.width 16`."""
        short = {name.removeprefix(f"{self.stage}."): value for name, value in self.changes.items()}
        return ", ".join(f"{name} {json.dumps(value)}" for name, value in short.items())


def read_sweep(name: str) -> dict[str, Any]:
    """Read a sweep's file as it is: by its name in configs/, or by a path that ends in .yaml.

    Raises PipelineError where it is not there, or is no YAML of `name: value` lines.
    """
    path = Path(name) if name.endswith(".yaml") else find_project().configs / f"{name}.yaml"
    if not path.is_file():
        raise PipelineError(f"there is no file {path} of a sweep: configs/sweep.yaml is one")
    return parse_yaml(path.read_text(encoding="utf-8"), path.name)


def plan_sweep(document: dict[str, Any], config: BaseSettings) -> tuple[Sweep, list[Trial]]:
    """Plan a sweep: what its document means under these settings, and its trials in their order.

    Raises PipelineError that names everything that is wrong with it.
    """
    sweep, axes, problems = check_sweep(document, config)
    stage = load_pipeline().training_stage
    if (nodes := count_nodes(config, stage)) > 1:
        problems.append(f"{stage}.nodes is {nodes}, and a trial has one machine: say 1")
    trials: list[Trial] = []
    if not problems:
        is_grid = sweep.search == "grid"
        now = list_values(config)
        chosen = _combine(axes) if is_grid else _draw_combinations(axes, sweep, now)
        trials = [Trial(number, changes, stage) for number, changes in enumerate(chosen, 1)]
        if sweep.trials is not None and len(trials) < sweep.trials:
            problems.append(f"trials: the space holds only {len(trials)} different ones")
        problems += dict.fromkeys(
            w for trial in trials for w in find_problems(config, trial.changes)
        )
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise PipelineError(f"configs/sweep.yaml, or the file in its place, is wrong:{listed}")
    return sweep, trials


def pick_best(sweep: Sweep, measured: Mapping[int, float]) -> int | None:
    """Pick the number of the best trial by its metric, the first of equals; None of none."""
    sign = -1 if sweep.takes_highest else 1
    return min(measured, key=lambda number: (sign * measured[number], number), default=None)


def read_metric(metric: str, values: Mapping[str, Any]) -> float | None:
    """Read a metric from what a stage returned; None where it is not there, or is no number."""
    found: Any = values
    for word in metric.split("."):
        found = found.get(word) if isinstance(found, Mapping) else None
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return float(found) if is_number else None


def _combine(axes: dict[str, Axis]) -> list[dict[str, Any]]:
    """Every combination; the last setting of the file changes fastest."""
    lists = [axis for axis in axes.values() if isinstance(axis, list)]
    return [dict(zip(axes, combination, strict=True)) for combination in product(*lists)]


def _draw_combinations(
    axes: dict[str, Axis], sweep: Sweep, now: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """As many different combinations as are wanted, or as there are.

    Each value has a seed of its own: it depends on no other setting of the space.
    """
    found: list[dict[str, Any]] = []
    for number in range(DRAWS):
        drawn: dict[str, Any] = {}
        for name, axis in axes.items():
            share = random.Random(f"{sweep.seed} {number} {name}").random()
            if isinstance(axis, Range):
                drawn[name] = axis.at(share, whole=isinstance(now[name], int))
            else:
                drawn[name] = axis[int(share * len(axis))]
        if drawn not in found:
            found.append(drawn)
        if len(found) == sweep.trials:
            break
    return found
