"""The interview in a terminal. Questions go to stderr, so that stdout stays free for the answer."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import questionary
from prompt_toolkit.output import create_output

from mlpo_cli import console
from mlpo_cli.answers.project import check as check_setting
from mlpo_cli.decision.model import Criterion
from mlpo_cli.interview.checkbox import ask_several
from mlpo_cli.interview.flow import Entry, Move, Reply
from mlpo_cli.interview.plan import Question

NOT_SURE = "Not sure"
BACK = "Back to the question before"
ENOUGH = "Enough questions: show the recommendation"
DONE = "These are right: show the recommendation"
_WIDEST = 76


def possible() -> bool:
    """Whether there is a terminal to ask in."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class TerminalAsker:
    """Puts the questions with questionary. Ctrl-C raises KeyboardInterrupt."""

    def ask(self, question: Question, first: bool) -> Reply:
        """Put one question, with the reason for it."""
        lines = (question.progress, f"Asked because {question.why}.", question.criterion.help)
        wrapped = [textwrap.fill(line, _WIDEST) for line in lines if line]
        console.talk("\n" + "\n".join(wrapped))
        if not question.criterion.choices:
            return _number(question.criterion, first)
        reply: Reply = _choose(question, first)
        return reply

    def refuse(self, message: str) -> None:
        """Say why a reply will not do."""
        console.warn(message)

    def review(self, entries: Sequence[Entry]) -> str | None:
        """Show all answers; one of them may be picked to change it."""
        console.talk("")
        picks = [questionary.Choice(DONE, _Value(None))]
        for entry in entries:
            line = f"{entry.criterion.label}: {_answer(entry)}"[:_WIDEST]
            fixed = None if entry.asked else "given on the command line"
            picks.append(questionary.Choice(line, _Value(entry.criterion.id), disabled=fixed))
        picked = _select("Your answers. Pick one to change it:", picks)
        console.talk("")
        return None if picked.value is None else str(picked.value)


def _answer(entry: Entry) -> str:
    """An answer in words; several choices by their ids, as their texts would not fit in a line."""
    if entry.answer is None:
        return NOT_SURE.lower()
    if isinstance(entry.answer, tuple):
        return " + ".join(entry.answer)
    return entry.criterion.text(entry.answer)


def ask_name() -> str:
    """Ask for the project's name until it will do."""

    def refusal(text: str) -> bool | str:
        refused = check_setting("name", text, ())
        return ": ".join(refused) if refused else True

    return str(_put(questionary.text("Name of the project:", validate=refusal, output=_output())))


def confirm(question: str, default: bool) -> bool:
    """Ask yes or no."""
    return bool(_put(questionary.confirm(question, default=default, output=_output())))


class _Value:
    """Holds a choice's value: questionary takes a bare None for "use the title"."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _choose(question: Question, first: bool) -> Any:
    """Ask for one of the choices, or for several where the criterion takes them."""
    criterion = question.criterion
    picks = [questionary.Choice(text, _Value(id)) for id, text in criterion.choices.items()]
    moves = [questionary.Choice(NOT_SURE, _Value(None))]
    if not first:
        moves.append(questionary.Choice(BACK, _Value(Move.BACK)))
    if question.optional:
        moves.append(questionary.Choice(ENOUGH, _Value(Move.ENOUGH)))
    if not criterion.several:
        return _select(criterion.question, [*picks, *moves]).value
    alone = [
        p for p, id in zip(picks, criterion.choices, strict=True) if id in criterion.indifferent
    ]
    picked = _put(ask_several(criterion.question, picks, moves, alone, _output()))
    values = [value.value for value in picked]
    is_move = values[0] is None or isinstance(values[0], Move)
    return values[0] if is_move else criterion.normalise(values)


def _select(message: str, picks: Sequence[questionary.Choice]) -> _Value:
    picked = _put(questionary.select(message, picks, instruction=" ", output=_output()))
    assert isinstance(picked, _Value)
    return picked


def _number(criterion: Criterion, first: bool) -> Reply:
    def fits(text: str) -> bool | str:
        typed = text.strip()
        if typed in ("", "<") or (typed.isdecimal() and criterion.accepts(int(typed[:18]))):
            return True
        return f"A whole number from {criterion.minimum} to {criterion.maximum}, or nothing."

    back = "" if first else "; < goes back"
    console.talk(f"Type a number; nothing is not sure{back}.")
    asked = questionary.text(criterion.question, validate=fits, output=_output())
    typed = str(_put(asked)).strip()
    if typed == "<":
        return Move.BACK
    return int(typed) if typed else None


def _put(question: questionary.Question) -> Any:
    """Put a question. Ctrl-D ends the interview like Ctrl-C."""
    try:
        return question.unsafe_ask()
    except EOFError as error:
        raise KeyboardInterrupt from error


def _output() -> Any:
    return create_output(stdout=sys.stderr)
