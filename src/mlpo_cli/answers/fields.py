"""The one description of the answers document: each key that it may hold, and what may stand there.

The validator, the JSON Schema, `--set`, the environment and `--save-answers` all read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from mlpo_cli.answers import project
from mlpo_cli.answers.kinds import Choice, Kind, Number, Whole
from mlpo_cli.answers.project import Refusal, shown
from mlpo_cli.answers.several import Position, Several
from mlpo_cli.decision.model import Criterion, Rules

SCHEMA_VERSION = 1
MAX_WEIGHT = 100
WEIGHTS = ("overrides", "weights")
ENVIRONMENT = "MLPO_"

Place = tuple[str, ...]
"""The keys that lead to a value: ("criteria", "cloud")."""


@dataclass(frozen=True)
class Field:
    """One key of the document: where it is, what may stand there, and what it means."""

    place: Place
    kind: Kind
    help: str
    default: str | None = None

    @property
    def key(self) -> str:
        """The last part of the place."""
        return self.place[-1]

    @property
    def name(self) -> str:
        """How `--set` calls it: criteria by their id, everything else by its whole place."""
        return ".".join(self.place[1:] if self.place[0] == "criteria" else self.place)

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return ENVIRONMENT + self.name.replace(".", "_").upper()

    def refusals(self, value: object) -> list[tuple[Position, Refusal]]:
        """Everything that is wrong with a value that is not null, and where in a list it is."""
        if isinstance(self.kind, Several):
            return self.kind.refusals(value)
        refusal = self.refuse(value)
        return [((), refusal)] if refusal else []

    def normalise(self, value: Any) -> Any:
        """A value that is not refused, in its one form."""
        return self.kind.normalise(value) if isinstance(self.kind, Several) else value

    def refuse(self, value: object) -> Refusal | None:
        """Why a value that is not null will not do, and what will; None if it will do."""
        if self.kind.accepts(value):
            return None
        if self.place[0] == "project":
            orchestrators = tuple(self.kind.texts) if isinstance(self.kind, Choice) else ()
            refusal = project.check(self.key, value, orchestrators)
            return refusal and (f"{self.key}: {refusal[0]}", refusal[1])
        if self.place[:2] == WEIGHTS:
            allowed = f"a number from 0 to {MAX_WEIGHT}"
            what = f"the weight of {self.key} must be {allowed}, not {shown(value)}"
            return what, "3 usually decides, 1 tips a close call, 0 is off"
        return self._refuse_answer(value)

    def _refuse_answer(self, value: object) -> Refusal:
        if isinstance(self.kind, Whole):
            allowed = f"a whole number from {self.kind.low} to {self.kind.high}"
            what = f"{self.key} must be {allowed}, not {shown(value)}"
            return what, "write such a number, or null for not sure"
        choices = list(self.kind.texts) if isinstance(self.kind, Choice) else []
        close = get_close_matches(value[:80], choices, n=1) if isinstance(value, str) else []
        hint = f"did you mean {close[0]}? " if close else ""
        fix = f"{hint}use one of: {', '.join(choices)}, or null for not sure"
        return f"{self.key} cannot be {shown(value)}", fix


def describe(rules: Rules, orchestrators: Sequence[str]) -> tuple[Field, ...]:
    """Every field, in the order of the document.

    `orchestrators` are those that a project can be generated for.
    """
    answers = [
        Field(
            ("criteria", c.id),
            _kind(c),
            f"{c.question} {c.help}".strip(),
        )
        for c in rules.criteria
    ]
    settings = [
        Field(("project", key), kind, project.HELP[key], project.DEFAULTS.get(key))
        for key, kind in project.kinds(orchestrators).items()
    ]
    weights = [
        Field(
            (*WEIGHTS, c.id), Number(0, MAX_WEIGHT), f"Replaces the weight of {c.id}, {c.weight}."
        )
        for c in rules.criteria
    ]
    return (*answers, *settings, *weights)


def _kind(criterion: Criterion) -> Kind:
    """What an answer to the criterion may be."""
    if not criterion.choices:
        return Whole(criterion.minimum, criterion.maximum)
    choices = criterion.choices
    return Several(choices, criterion) if criterion.several else Choice(choices)
