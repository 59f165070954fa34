"""The interview from the first question to the review, without a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from mlpo_cli.answers.validate import contradictions
from mlpo_cli.decision.conditions import Answer
from mlpo_cli.decision.model import Criterion, Rules
from mlpo_cli.decision.score import resolve_weights
from mlpo_cli.interview.plan import Question, next_question


class Move(Enum):
    """What the user may do instead of answering a question."""

    BACK = "back"
    ENOUGH = "enough"


UserInput = Answer | None | Move
"""An answer, None for "not sure", or a move."""


@dataclass(frozen=True)
class Entry:
    """One line of the review. Answers that came from options or variables cannot be changed."""

    criterion: Criterion
    answer: Answer | None
    can_change: bool


class Prompter(Protocol):
    """Puts the questions to the user: in a terminal, or from a script in a test."""

    def ask(self, question: Question, is_first: bool) -> UserInput:
        """Ask one question. The first one has nothing to go back to."""

    def refuse(self, message: str) -> None:
        """Say why an answer is not accepted. The question is asked again."""

    def review(self, entries: Sequence[Entry]) -> str | None:
        """Show all answers. Returns the id of one to change, None when they are right."""


def run(
    rules: Rules,
    fixed: Mapping[str, Answer],
    overrides: Mapping[str, float],
    prompter: Prompter,
    review: bool = True,
) -> dict[str, Answer | None]:
    """Ask until no question can change the result, or until the user has had enough.

    `fixed` answers are not asked for; `overrides` replace weights. Returns the answers of the
    user by criterion, None for "not sure".
    """
    weights = resolve_weights(rules, overrides)
    answers: dict[str, Answer | None] = {}
    has_enough = False
    while True:
        known = _merge_known(fixed, answers)
        unsure = [id for id, answer in answers.items() if answer is None]
        question = None if has_enough else next_question(rules, weights, known, unsure)
        if question is not None:
            entered = prompter.ask(question, is_first=not answers)
            if entered is Move.BACK:
                if answers:
                    answers.popitem()
            elif entered is Move.ENOUGH:
                has_enough = True
            else:
                _accept(rules, fixed, answers, question.criterion.id, entered, prompter)
            continue
        id = prompter.review(_list_entries(rules, fixed, answers)) if review else None
        if id is None:
            return answers
        again = Question(rules.criterion(id), "you want to change it", "", optional=False)
        entered = prompter.ask(again, is_first=True)
        if not isinstance(entered, Move):
            _accept(rules, fixed, answers, id, entered, prompter)


def _merge_known(
    fixed: Mapping[str, Answer], answers: Mapping[str, Answer | None]
) -> dict[str, Answer]:
    return {**fixed, **{id: answer for id, answer in answers.items() if answer is not None}}


def _accept(
    rules: Rules,
    fixed: Mapping[str, Answer],
    answers: dict[str, Answer | None],
    id: str,
    answer: Answer | None,
    prompter: Prompter,
) -> None:
    """Add an answer, unless it contradicts another one."""
    problems = contradictions(rules, _merge_known(fixed, {**answers, id: answer}), lambda _: "")
    if problems:
        prompter.refuse(problems[0].what)
    else:
        answers[id] = answer


def _list_entries(
    rules: Rules, fixed: Mapping[str, Answer], answers: Mapping[str, Answer | None]
) -> list[Entry]:
    """Every answer in the order of the rules."""
    return [
        Entry(c, answers.get(c.id, fixed.get(c.id)), c.id in answers)
        for c in rules.criteria
        if c.id in answers or c.id in fixed
    ]
