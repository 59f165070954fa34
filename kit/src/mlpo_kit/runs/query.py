"""Choose and sort runs by what is known about them: filters, order, and names of columns.

A name is a fact such as `status`, a metric such as `accuracy`, a setting such as `train.epochs`, or
a value that a stage returned, such as `train.val_loss`. The first of these that exists counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

import yaml

from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.runs.overview import RunOverview
from mlpo_kit.runs.records import State

# Names that are not those of a project's own settings, metrics and values.
FACTS: dict[str, Callable[[RunOverview], Any]] = {
    "run": lambda run: run.run_id,
    "trial": lambda run: run.trial,
    "started": lambda run: run.started,
    "status": lambda run: run.status,
    "reason": lambda run: run.reason,
    "seconds": lambda run: run.seconds,
    "orchestrator": lambda run: run.orchestrator,
    "device": lambda run: run.device,
    "dataset": lambda run: run.dataset,
    "version": lambda run: run.version,
    "alias": lambda run: run.alias,
    "code": lambda run: run.code or None,
    "commit": lambda run: run.commit,
    "is_clean": lambda run: run.is_clean,
    "kit": lambda run: run.kit or None,
}
STATUSES = (*get_args(State), "incomplete")
SECONDS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_FILTER = re.compile(r"\s*([^=<>!\s]+)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*", re.DOTALL)
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda value, bound: value > bound,
    "<": lambda value, bound: value < bound,
    ">=": lambda value, bound: value >= bound,
    "<=": lambda value, bound: value <= bound,
}


@dataclass(frozen=True)
class Filter:
    """A condition such as `train.epochs=5` or `accuracy>0.9`."""

    name: str
    operator: str  # = != > < >= <=
    text: str
    value: Any  # the text as JSON or YAML

    def matches(self, run: RunOverview) -> bool:
        """Whether a run meets the condition; one without this value never does."""
        value = get_value(run, self.name)
        if value is None:
            return False
        if self.operator in ("=", "!="):
            is_equal = _is_equal(value, self.value) or str(value) == self.text
            return is_equal == (self.operator == "=")
        return is_number(value) and _ORDERS[self.operator](value, self.value)


def parse_filter(text: str) -> Filter:
    """Parse a condition; raises PipelineError if it does not have this form."""
    match = _FILTER.fullmatch(text)
    if match is None or not match[3]:
        raise PipelineError(
            f"--where {text!r} is not of the form NAME=VALUE (or != > < >= <=), such as "
            "train.epochs=5 or accuracy>0.9"
        )
    name, operator, wanted = match[1], match[2].replace("==", "="), match[3]
    value = _parse_value(wanted)
    if operator in _ORDERS and not is_number(value):
        raise PipelineError(f"--where {text!r}: {operator} compares numbers; {wanted!r} is none")
    return Filter(name, operator, wanted, value)


def parse_since(text: str, now: float) -> float:
    """Parse `30min`, `12h`, `7d` or `2w` before `now`, or a date or time such as 2026-11-30.

    Returns seconds since the epoch. Dates are local. Raises PipelineError for another form.
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(min|h|d|w)", text.strip(), re.ASCII)
    if match:
        return now - float(match[1]) * SECONDS[match[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise PipelineError(
            f"--since {text!r} is neither an age such as 30min, 12h, 7d or 2w nor a date such as "
            "2026-11-30"
        ) from None


def parse_statuses(texts: Iterable[str]) -> frozenset[str]:
    """Parse statuses, each text one or more with commas; raises PipelineError for others."""
    statuses = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    for status in statuses:
        if status not in STATUSES:
            hint = suggest(status, STATUSES) or f"; there is: {', '.join(STATUSES)}"
            raise PipelineError(f"--status: there is no status {status!r}{hint}")
    return frozenset(statuses)


def select_runs(
    runs: Sequence[RunOverview],
    filters: Sequence[Filter] = (),
    statuses: frozenset[str] = frozenset(),
    since: float | None = None,
) -> list[RunOverview]:
    """Return the runs that meet all conditions, in the same order."""
    return [
        run
        for run in runs
        if (not statuses or run.status in statuses)
        and (since is None or run.started >= since)
        and all(item.matches(run) for item in filters)
    ]


def sort_runs(runs: Sequence[RunOverview], column: str) -> list[RunOverview]:
    """Sort by a column, `-column` for the reversed order; runs without a value come last.

    Numbers come before texts. Runs with equal values keep their order.
    """
    name = column.removeprefix("-")
    known = [run for run in runs if get_value(run, name) is not None]
    rest = [run for run in runs if get_value(run, name) is None]
    known.sort(key=lambda run: _make_key(get_value(run, name)), reverse=column != name)
    return known + rest


def get_value(run: RunOverview, name: str) -> Any:
    """Return a fact, metric, setting or value of a run; None if it has none of this name."""
    if name in FACTS:
        return FACTS[name](run)
    for group in (run.metrics, run.settings, run.values):
        if name in group:
            return group[name]
    return None


def list_names(runs: Iterable[RunOverview]) -> list[str]:
    """List all names that some of the runs know: facts, metrics, settings, values."""
    names = dict.fromkeys(FACTS)
    for run in runs:
        for group in (run.metrics, run.settings, run.values):
            names.update(dict.fromkeys(group))
    return list(names)


def check_names(names: Sequence[str], runs: Sequence[RunOverview], option: str) -> None:
    """Raise PipelineError that lists the names that none of the runs knows."""
    unknown = [name for name in names if name not in FACTS]
    if not unknown or not runs:
        return
    known = list_names(runs)
    problems = [
        f"{option}: no run has {name!r}{suggest(name, known) or _suggest_ending(name, known)}"
        for name in unknown
        if name not in known
    ]
    if problems:
        raise PipelineError("\n  ".join(problems))


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parse_value(text: str) -> Any:
    """Parse a value as JSON, for 1e-3 is a text in YAML, or else as YAML."""
    try:
        return json.loads(text)
    except RecursionError:
        return text
    except ValueError:
        # ValueError also for a date that does not exist, such as 2026-02-30
        with suppress(ValueError, yaml.YAMLError, RecursionError):
            return yaml.safe_load(text)
    return text


def _suggest_ending(name: str, known: Sequence[str]) -> str:
    """Suggest a longer name that ends with this one, such as `train.epochs` for `epochs`."""
    longer = [item for item in known if item.endswith(f".{name}")]
    return f"; did you mean {longer[0]}?" if longer else "; `mlpo-kit runs --json` shows all names"


def _is_equal(value: Any, wanted: Any) -> bool:
    """Whether two values are equal; 1 equals 1.0, but not true."""
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _make_key(value: Any) -> tuple[int, float, str]:
    return (0, value, "") if is_number(value) else (1, 0.0, str(value))
