"""The interview from the first question to the review, without a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from mlpo_cli.answers.validate import contradictions
from mlpo_cli.decision.model import Answer, Criterion, Rules
from mlpo_cli.decision.score import effective_weights
from mlpo_cli.interview.plan import Question, next_question


class Move(Enum):
    """What one may reply instead of an answer."""

    BACK = "back"
    ENOUGH = "enough"


Reply = Answer | None | Move
"""An answer, None for "not sure", or a move."""


@dataclass(frozen=True)
class Entry:
    """One line of the review. Entries that were given beforehand cannot be changed there."""

    criterion: Criterion
    answer: Answer | None
    asked: bool


class Asker(Protocol):
    """Whoever puts the questions: a terminal, or a test."""

    def ask(self, question: Question, first: bool) -> Reply:
        """Put one question. `first` ones have nothing to go back to."""

    def refuse(self, message: str) -> None:
        """Say why a reply will not do; the question is put again."""

    def review(self, entries: Sequence[Entry]) -> str | None:
        """Show all answers. Returns the id of one to change, None when they are right."""


def run(
    rules: Rules,
    given: Mapping[str, Answer],
    overrides: Mapping[str, float],
    asker: Asker,
    review: bool = True,
) -> dict[str, Answer | None]:
    """Ask until no question can change the answer, or until the asker has had enough.

    `given` answers are not asked for. Returns the replies by criterion, None for "not sure".
    """
    weights = effective_weights(rules, overrides)
    replies: dict[str, Answer | None] = {}
    enough = False
    while True:
        known = _known(given, replies)
        unsure = [id for id, reply in replies.items() if reply is None]
        question = None if enough else next_question(rules, weights, known, unsure)
        if question is not None:
            reply = asker.ask(question, first=not replies)
            if reply is Move.BACK:
                if replies:
                    replies.popitem()
            elif reply is Move.ENOUGH:
                enough = True
            else:
                _accept(rules, given, replies, question.criterion.id, reply, asker)
            continue
        change = asker.review(_entries(rules, given, replies)) if review else None
        if change is None:
            return replies
        again = Question(rules.criterion(change), "you want to change it", "", optional=False)
        reply = asker.ask(again, first=True)
        if not isinstance(reply, Move):
            _accept(rules, given, replies, change, reply, asker)


def _known(given: Mapping[str, Answer], replies: Mapping[str, Answer | None]) -> dict[str, Answer]:
    return {**given, **{id: reply for id, reply in replies.items() if reply is not None}}


def _accept(
    rules: Rules,
    given: Mapping[str, Answer],
    replies: dict[str, Answer | None],
    id: str,
    reply: Answer | None,
    asker: Asker,
) -> None:
    """Note a reply, unless it contradicts another answer."""
    found = contradictions(rules, _known(given, {**replies, id: reply}), lambda _: "")
    if found:
        asker.refuse(found[0].what)
    else:
        replies[id] = reply


def _entries(
    rules: Rules, given: Mapping[str, Answer], replies: Mapping[str, Answer | None]
) -> list[Entry]:
    """Every answer in the order of the rules."""
    return [
        Entry(c, replies.get(c.id, given.get(c.id)), c.id in replies)
        for c in rules.criteria
        if c.id in replies or c.id in given
    ]
