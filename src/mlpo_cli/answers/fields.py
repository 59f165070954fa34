"""Every key that an answers document may hold, and what its value may be.

The validator, the JSON Schema, `--set`, the environment and `--save-answers` are derived from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlpo_cli.answers.kinds import Choice, Kind, Number, Refusal, Whole
from mlpo_cli.answers.project import list_settings
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
    """One key of the document: where it is, what its value may be, and what it means.

    `subject` is what messages call it, `advice` is added to the fix of a value that is not valid.
    """

    place: Place
    kind: Kind | Several
    help: str
    subject: str
    advice: str = ""
    default: str | None = None

    @property
    def key(self) -> str:
        """The last key of its place."""
        return self.place[-1]

    @property
    def name(self) -> str:
        """Its name for `--set`: of a criterion the id, of everything else the whole place."""
        return ".".join(self.place[1:] if self.place[0] == "criteria" else self.place)

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return ENVIRONMENT + self.name.replace(".", "_").upper()

    def refuse_entries(self, value: object) -> list[tuple[Position, Refusal]]:
        """Return everything that is wrong with a value, which is not null, and where in a list."""
        if isinstance(self.kind, Several):
            refusals = self.kind.refuse_entries(value, self.subject)
            return [(at, (what, fix if at else fix + self.advice)) for at, (what, fix) in refusals]
        refusal = self.refuse(value)
        return [((), refusal)] if refusal else []

    def normalise(self, value: Any) -> Any:
        """Return a valid value in its one form."""
        return self.kind.normalise(value) if isinstance(self.kind, Several) else value

    def refuse(self, value: object) -> Refusal | None:
        """Say why it cannot have this value, which is not null; None if the value is valid."""
        refusal = self.kind.refuse(value, self.subject)
        return refusal and (refusal[0], refusal[1] + self.advice)


def describe(rules: Rules, orchestrators: Sequence[str]) -> tuple[Field, ...]:
    """Return every field, in the order of the document.

    `orchestrators` are those that a project can be generated for.
    """
    answers = [
        Field(
            ("criteria", criterion.id),
            _choose_kind(criterion),
            f"{criterion.question} {criterion.help}".strip(),
            criterion.id,
            ", or null for not sure",
        )
        for criterion in rules.criteria
    ]
    settings = [
        Field(("project", line.key), line.kind, line.help, line.key, default=line.default)
        for line in list_settings(orchestrators)
    ]
    weights = [
        Field(
            (*WEIGHTS, criterion.id),
            Number(0, MAX_WEIGHT),
            f"Replaces the weight of {criterion.id}, {criterion.weight}.",
            f"the weight of {criterion.id}",
            "; 3 usually decides, 1 tips a close call, 0 is off",
        )
        for criterion in rules.criteria
    ]
    return (*answers, *settings, *weights)


def _choose_kind(criterion: Criterion) -> Kind | Several:
    if not criterion.choices:
        return Whole(criterion.minimum, criterion.maximum)
    return Several(criterion) if criterion.several else Choice(criterion.choices)
