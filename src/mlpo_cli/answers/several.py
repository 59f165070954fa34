"""Answers of several choices: `[lineage, airgapped]` in a file, `lineage,airgapped` elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mlpo_cli.answers.kinds import Choice, Refusal, Schema, quote
from mlpo_cli.decision.conditions import Answer
from mlpo_cli.decision.model import Criterion
from mlpo_cli.suggest import find_closest

_MOST_SUGGESTIONS = 20
"""After so many wrong entries no closest choice is looked for."""

Position = tuple[int, ...]
"""Where in a list a value is: (2,) for its third entry, () for the list itself."""


class Several(NamedTuple):
    """One choice of a criterion, or a list of different ones."""

    criterion: Criterion

    @property
    def texts(self) -> Mapping[str, str]:
        """The meaning of each choice."""
        return self.criterion.choices

    def refuse(self, value: object, name: str) -> Refusal | None:
        """Say why `name` cannot have this value; None if the value is valid."""
        refusals = self.refuse_entries(value, name)
        return refusals[0][1] if refusals else None

    def refuse_entries(self, value: object, name: str) -> list[tuple[Position, Refusal]]:
        """Return everything that is wrong with a value, and where in the list it is."""
        if self.criterion.accepts(value):
            return []
        if not isinstance(value, list) or not value:
            what = "an empty list" if isinstance(value, list) else quote(value)
            return [((), (f"{name} cannot be {what}", self._suggest(value)))]
        refusals: list[tuple[Position, Refusal]] = []
        earlier: set[str] = set()
        for index, entry in enumerate(value):
            if not isinstance(entry, str) or entry not in self.texts:
                fix = self._suggest(entry if index < _MOST_SUGGESTIONS else None)
                refusals.append(((index,), (f"{name} cannot include {quote(entry)}", fix)))
                continue
            if entry in earlier:
                refusals.append(((index,), (f"{name} has {entry} twice", "keep one of them")))
            elif entry in self.criterion.indifferent and len(value) > 1:
                what = f"{name} cannot include {entry} together with other choices"
                refusals.append(((index,), (what, f"use {entry} alone, or leave it out")))
            earlier.add(entry)
        return refusals

    def _suggest(self, value: object) -> str:
        closest = find_closest(value, self.texts) if isinstance(value, str) else None
        hint = f"did you mean {closest}? " if closest else ""
        return f"{hint}use one or several of: {', '.join(self.texts)}"

    def parse(self, text: str) -> object:
        """Return the value that a text on the command line stands for; commas make a list."""
        return [choice.strip() for choice in text.split(",")] if "," in text else text

    def normalise(self, value: str | Sequence[str]) -> Answer:
        """Return a valid value in its one form: see `Criterion.normalise`."""
        return self.criterion.normalise(value)

    def schema(self) -> Schema:
        """Return the JSON Schema of such a value."""
        several: Schema = {
            "type": "array",
            "items": {"enum": list(self.texts)},
            "minItems": 1,
            "uniqueItems": True,
        }
        if alone := sorted(self.criterion.indifferent):
            several["not"] = {"minItems": 2, "contains": {"enum": alone}}
        return {"anyOf": [Choice(self.texts).schema(), several]}


def write_answer(answer: object) -> str:
    """Write an answer as it stands in a file: several choices as a list."""
    return f"[{', '.join(answer)}]" if isinstance(answer, tuple) else str(answer)
