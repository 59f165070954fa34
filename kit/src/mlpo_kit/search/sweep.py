"""Plan the trials of a sweep, and pick the best one.

The same file and settings always give the same trials. With the same seed, a longer random search
starts with the trials of a shorter one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from mlpo_kit.config.documents import find_line, locate, parse_yaml
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import BaseSettings, name_file
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

DRAWS = 10_000  # after as many draws, the search space has no other combinations


@dataclass(frozen=True)
class Trial:
    """The training stage with some of its settings changed."""

    number: int  # from 1
    changes: Mapping[str, Any]  # by dotted name
    stage: str = "train"

    @property
    def record_name(self) -> str:
        """Its name in the run, used for its record and the folder of its payloads."""
        return f"{self.stage}-{self.number}"

    def __str__(self) -> str:
        """Describe its changes, such as `learning_rate 0.003, model.width 16`."""
        short = {name.removeprefix(f"{self.stage}."): value for name, value in self.changes.items()}
        return ", ".join(f"{name} {json.dumps(value)}" for name, value in short.items())


def read_sweep(name: str) -> dict[str, Any]:
    """Read a sweep's file, unchecked, by its name in configs/ or by a path that ends in .yaml.

    Raises PipelineError if it does not exist or is not a YAML mapping.
    """
    path = _find_file(name)
    if not path.is_file():
        raise PipelineError(f"there is no sweep file {path}; configs/sweep.yaml is an example")
    return parse_yaml(path.read_text(encoding="utf-8"), name_file(path))


def plan_sweep(
    document: dict[str, Any], config: BaseSettings, name: str | None = None
) -> tuple[Sweep, list[Trial]]:
    """Check a sweep's document against the settings; returns the sweep and its trials, in order.

    Raises PipelineError that lists every problem, with the line in the file that `read_sweep` read
    under this `name`.
    """
    sweep, axes, problems = check_sweep(document, config)
    stage = load_pipeline().training_stage
    if (nodes := count_nodes(config, stage)) > 1:
        problems.append(f"{stage}.nodes is {nodes}, but a trial runs on one machine: set it to 1")
    trials: list[Trial] = []
    if not problems:
        is_grid = sweep.search == "grid"
        current = list_values(config)
        combinations = _combine(axes) if is_grid else _draw_combinations(axes, sweep, current)
        trials = [Trial(number, changes, stage) for number, changes in enumerate(combinations, 1)]
        if sweep.trials is not None and len(trials) < sweep.trials:
            problems.append(f"trials: the space has only {len(trials)} different combinations")
        problems += dict.fromkeys(
            problem for trial in trials for problem in find_problems(config, trial.changes)
        )
    if problems:
        raise PipelineError("\n  ".join(_describe_problems(problems, name)))
    return sweep, trials


def pick_best(sweep: Sweep, measured: Mapping[int, float]) -> int | None:
    """Pick the number of the best trial by its metric, the first if equal; None without trials."""
    sign = -1 if sweep.takes_highest else 1
    return min(measured, key=lambda number: (sign * measured[number], number), default=None)


def read_metric(metric: str, values: Mapping[str, Any]) -> float | None:
    """Read a metric from the values of a stage; None if it is missing or not a number."""
    value: Any = values
    for name in metric.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else None


def _find_file(name: str) -> Path:
    return Path(name) if name.endswith(".yaml") else find_project().configs / f"{name}.yaml"


def _describe_problems(problems: Sequence[str], name: str | None) -> list[str]:
    """Return a heading and the problems, each with its line if the file's name is known.

    A problem begins with its place: `metric: ...` or `space.train.epochs: ...`.
    """
    if name is None:
        return ["configs/sweep.yaml, or the file used instead, is wrong:", *problems]
    path = _find_file(name)
    text, file = path.read_text(encoding="utf-8"), name_file(path)
    lines = [f"{file} is wrong:"]
    for problem in problems:
        section, _, setting = problem.partition(": ")[0].partition(".")
        line = find_line(text, [section, setting] if setting else [section])
        lines.append(f"{locate(file, line)}: {problem}")
    return lines


def _combine(axes: dict[str, Axis]) -> list[dict[str, Any]]:
    """List every combination; the last setting in the file changes fastest."""
    lists = [axis for axis in axes.values() if isinstance(axis, list)]
    return [dict(zip(axes, combination, strict=True)) for combination in product(*lists)]


def _draw_combinations(
    axes: dict[str, Axis], sweep: Sweep, current: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Draw different combinations: as many as the sweep asks for, or as many as exist.

    Each value is drawn with its own seed, so it does not depend on the other settings of the space.
    """
    combinations: list[dict[str, Any]] = []
    for number in range(DRAWS):
        combination: dict[str, Any] = {}
        for name, axis in axes.items():
            share = random.Random(f"{sweep.seed} {number} {name}").random()
            if isinstance(axis, Range):
                combination[name] = axis.at(share, whole=isinstance(current[name], int))
            else:
                combination[name] = axis[int(share * len(axis))]
        if combination not in combinations:
            combinations.append(combination)
        if len(combinations) == sweep.trials:
            break
    return combinations
