"""Answers of several choices: `[lineage, airgapped]` in a file, `lineage,airgapped` elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mlpo_cli.answers.kinds import Choice, Schema
from mlpo_cli.answers.project import Refusal, shown
from mlpo_cli.decision.model import Answer, Criterion

_MOST_GUESSES = 20

Position = tuple[int, ...]
"""Where in a list a value is: (2,) for its third entry, () for the list itself."""


@dataclass(frozen=True)
class Several(Choice):
    """One choice of a criterion, or a list of different ones."""

    criterion: Criterion

    def accepts(self, value: object) -> bool:
        """Whether the criterion accepts the choice or the list."""
        return self.criterion.accepts(value)

    def parse(self, text: str) -> object:
        """The value that a text on the command line stands for; commas make a list."""
        return [choice.strip() for choice in text.split(",")] if "," in text else text

    def normalise(self, value: str | Sequence[str]) -> Answer:
        """A value that is accepted, in its one form."""
        return self.criterion.normalise(value)

    def schema(self) -> Schema:
        """JSON Schema of this value."""
        some: Schema = {
            "type": "array",
            "items": {"enum": list(self.texts)},
            "minItems": 1,
            "uniqueItems": True,
        }
        if alone := sorted(self.criterion.indifferent):
            some["not"] = {"minItems": 2, "contains": {"enum": alone}}
        return {"anyOf": [super().schema(), some]}

    def refusals(self, value: object) -> list[tuple[Position, Refusal]]:
        """Everything that is wrong with a value, and where in the list; empty if it is accepted."""
        if self.accepts(value):
            return []
        key, choices = self.criterion.id, ", ".join(self.texts)
        if not isinstance(value, list) or not value:
            what = "an empty list" if isinstance(value, list) else shown(value)
            fix = f"{self._guess(value)}use one or several of: {choices}, or null for not sure"
            return [((), (f"{key} cannot be {what}", fix))]
        found: list[tuple[Position, Refusal]] = []
        before: set[str] = set()
        for index, entry in enumerate(value):
            if not super().accepts(entry):
                guess = self._guess(entry) if index < _MOST_GUESSES else ""
                fix = f"{guess}use one or several of: {choices}"
                found.append(((index,), (f"{key} cannot include {shown(entry)}", fix)))
                continue
            if entry in before:
                found.append(((index,), (f"{key} has {entry} twice", "keep one of them")))
            elif entry in self.criterion.indifferent and len(value) > 1:
                what = f"{key} cannot include {entry} together with other choices"
                found.append(((index,), (what, f"use {entry} alone, or leave it out")))
            before.add(entry)
        return found

    def _guess(self, value: object) -> str:
        """Which choice a misspelt one may mean."""
        close = get_close_matches(value[:80], self.texts, n=1) if isinstance(value, str) else []
        return f"did you mean {close[0]}? " if close else ""


def write_answer(answer: object) -> str:
    """An answer as it stands in a file: several choices as a list."""
    return f"[{', '.join(answer)}]" if isinstance(answer, tuple) else str(answer)
