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
    """Read a sweep's file as it is: by its name in configs/, or by a path that ends in .yaml."""
    path = Path(name) if name.endswith(".yaml") else find_project().configs / f"{name}.yaml"
    if not path.is_file():
        raise PipelineError(f"there is no file {path} of a sweep: configs/sweep.yaml is one")
    return parse_yaml(path.read_text(encoding="utf-8"), path.name)


def plan_sweep(document: dict[str, Any], config: BaseSettings) -> tuple[Sweep, list[Trial]]:
    """What a document means under these settings: the sweep and its trials, in their order.

    Raises PipelineError that names everything that is wrong with it.
    """
    sweep, axes, problems = check_sweep(document, config)
    stage = load_pipeline().training_stage
    if (nodes := getattr(getattr(config, stage), "nodes", 1)) > 1:
        problems.append(f"{stage}.nodes is {nodes}, and a trial has one machine: say 1")
    trials: list[Trial] = []
    if not problems:
        chosen = _grid(axes) if sweep.search == "grid" else _draw(axes, sweep, list_values(config))
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


def pick_best(sweep: Sweep, measured: Mapping[int, Mapping[str, float]]) -> int | None:
    """Pick the number of the best trial, the first of equals; None where there is none."""
    sign = -1 if sweep.takes_highest else 1
    return min(measured, key=lambda n: (sign * measured[n][sweep.metric], n), default=None)


def _grid(axes: dict[str, Axis]) -> list[dict[str, Any]]:
    """Every combination; the last setting of the file changes fastest."""
    lists = [axis for axis in axes.values() if isinstance(axis, list)]
    return [dict(zip(axes, combination, strict=True)) for combination in product(*lists)]


def _draw(axes: dict[str, Axis], sweep: Sweep, now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """As many different combinations as are wanted, or as there are.

    Each value has a seed of its own: it depends on no other setting of the space.
    """
    found: list[dict[str, Any]] = []
    for number in range(DRAWS):
        drawn: dict[str, Any] = {}
        for name, axis in axes.items():
            share = random.Random(f"{sweep.seed} {number} {name}").random()  # noqa: S311
            if isinstance(axis, Range):
                drawn[name] = axis.at(share, whole=isinstance(now[name], int))
            else:
                drawn[name] = axis[int(share * len(axis))]
        if drawn not in found:
            found.append(drawn)
        if len(found) == sweep.trials:
            break
    return found
