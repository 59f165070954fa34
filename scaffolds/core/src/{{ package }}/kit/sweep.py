"""A sweep: its trials in their order, and the best of them. Managed by mlpo.

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

from .. import settings
from .documents import read_yaml
from .errors import PipelineError
from .space import SECTION, Axis, Range, Sweep, check, values, wrong

DRAWS = 10_000  # what was not drawn by then is not there


@dataclass(frozen=True)
class Trial:
    """The train stage with some of its settings changed."""

    number: int  # from 1
    changes: Mapping[str, Any]  # by dotted name

    @property
    def place(self) -> str:
        """Its name in the run: of its record, and of the folder of its payloads."""
        return f"{SECTION}-{self.number}"

    def __str__(self) -> str:
        """What is different in it, such as `learning_rate 0.003, model.width 16`."""
        short = {name.removeprefix(f"{SECTION}."): value for name, value in self.changes.items()}
        return ", ".join(f"{name} {json.dumps(value)}" for name, value in short.items())


def read(name: str) -> dict[str, Any]:
    """A sweep's file as it is: by its name in configs/, or by a path that ends in .yaml."""
    path = Path(name) if name.endswith(".yaml") else settings.CONFIGS / f"{name}.yaml"
    if not path.is_file():
        raise PipelineError(f"there is no file {path} of a sweep: configs/sweep.yaml is one")
    return read_yaml(path.read_text(encoding="utf-8"))


def plan(document: dict[str, Any], config: settings.Settings) -> tuple[Sweep, list[Trial]]:
    """What a document means under these settings: the sweep and its trials, in their order.

    Raises PipelineError that names everything that is wrong with it.
    """
    sweep, axes, problems = check(document, config)
    if config.train.nodes > 1:
        problems.append(f"train.nodes is {config.train.nodes}, and a trial has one machine: say 1")
    trials: list[Trial] = []
    if not problems:
        chosen = _grid(axes) if sweep.search == "grid" else _draw(axes, sweep, values(config))
        trials = [Trial(number, changes) for number, changes in enumerate(chosen, 1)]
        if sweep.trials is not None and len(trials) < sweep.trials:
            problems.append(f"trials: the space holds only {len(trials)} different ones")
        problems += dict.fromkeys(w for trial in trials for w in wrong(config, trial.changes))
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise PipelineError(f"configs/sweep.yaml, or the file in its place, is wrong:{listed}")
    return sweep, trials


def pick(metric: str, measured: Mapping[int, Mapping[str, float]]) -> int | None:
    """The number of the best trial, the first of equals; None where there is none."""
    sign = -1 if metric == "val_accuracy" else 1
    return min(measured, key=lambda n: (sign * measured[n][metric], n), default=None)


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
