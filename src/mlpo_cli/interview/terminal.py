"""The interview in a terminal. Questions go to stderr, so that stdout holds only the output."""

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
from mlpo_cli.interview.flow import Entry, Move, UserInput
from mlpo_cli.interview.plan import Question

NOT_SURE = "Not sure"
BACK = "Back to the previous question"
ENOUGH = "Enough questions: show the recommendation"
DONE = "All correct: show the recommendation"
_WIDEST = 76


def is_possible() -> bool:
    """Whether there is a terminal to ask in."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class TerminalPrompter:
    """Asks with questionary. Ctrl-C raises KeyboardInterrupt."""

    def ask(self, question: Question, is_first: bool) -> UserInput:
        """Ask one question, and say why it is asked."""
        why = f"Asked because {question.why}."
        show_paragraphs(question.progress, why, question.criterion.help)
        if not question.criterion.choices:
            return _ask_number(question.criterion, is_first)
        return _ask_choice(question, is_first)

    def refuse(self, message: str) -> None:
        """Say why an answer is not accepted."""
        console.write_warning(message)

    def review(self, entries: Sequence[Entry]) -> str | None:
        """Show all answers; the user may pick one to change it."""
        console.write_message("")
        choices = [questionary.Choice(DONE, _Value(None))]
        for entry in entries:
            line = f"{entry.criterion.label}: {_write_answer(entry)}"[:_WIDEST]
            disabled = None if entry.can_change else "set by an option or a variable"
            choices.append(questionary.Choice(line, _Value(entry.criterion.id), disabled=disabled))
        picked = _select("Your answers. Pick one to change it:", choices)
        console.write_message("")
        return None if picked.value is None else str(picked.value)


def _write_answer(entry: Entry) -> str:
    """Write an answer in words; several choices by their ids, as their texts are too long."""
    if entry.answer is None:
        return NOT_SURE.lower()
    if isinstance(entry.answer, tuple):
        return " + ".join(entry.answer)
    return entry.criterion.text(entry.answer)


def show_paragraphs(*paragraphs: str) -> None:
    """Print wrapped text below an empty line; empty paragraphs are left out."""
    lines = [textwrap.fill(text, _WIDEST) for text in paragraphs if text]
    console.write_message("\n" + "\n".join(lines))


def ask_name() -> str:
    """Ask for the project's name until it is a valid one."""

    def validate(text: str) -> bool | str:
        refusal = check_setting("name", text, ())
        return ": ".join(refusal) if refusal else True

    return str(_ask(questionary.text("Name of the project:", validate=validate, output=_output())))


def confirm(question: str, default: bool) -> bool:
    """Ask yes or no."""
    return bool(_ask(questionary.confirm(question, default=default, output=_output())))


class _Value:
    """Holds a choice's value, because questionary takes a bare None for "use the title"."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _ask_choice(question: Question, is_first: bool) -> UserInput:
    """Ask for one of the choices, or for several if the criterion takes several."""
    criterion = question.criterion
    choices = {id: questionary.Choice(text, _Value(id)) for id, text in criterion.choices.items()}
    moves = [questionary.Choice(NOT_SURE, _Value(None))]
    if not is_first:
        moves.append(questionary.Choice(BACK, _Value(Move.BACK)))
    if question.optional:
        moves.append(questionary.Choice(ENOUGH, _Value(Move.ENOUGH)))
    if not criterion.several:
        entered: UserInput = _select(criterion.question, [*choices.values(), *moves]).value
        return entered
    alone = [choices[id] for id in choices if id in criterion.indifferent]
    picked = _ask(ask_several(criterion.question, [*choices.values()], moves, alone, _output()))
    values = [value.value for value in picked]
    first: UserInput = values[0]
    return first if first is None or isinstance(first, Move) else criterion.normalise(values)


def _select(message: str, choices: Sequence[questionary.Choice]) -> _Value:
    picked = _ask(questionary.select(message, choices, instruction=" ", output=_output()))
    assert isinstance(picked, _Value)
    return picked


def _ask_number(criterion: Criterion, is_first: bool) -> UserInput:
    """Ask for a whole number; nothing is "not sure", `<` goes back."""

    def validate(text: str) -> bool | str:
        entered = text.strip()
        if entered in ("", "<") or (entered.isdecimal() and criterion.accepts(int(entered[:18]))):
            return True
        return f"A whole number from {criterion.minimum} to {criterion.maximum}, or nothing."

    back = "" if is_first else " Type < to go back."
    console.write_message(f"Type a number, or only press Enter if you are not sure.{back}")
    question = questionary.text(criterion.question, validate=validate, output=_output())
    entered = str(_ask(question)).strip()
    if entered == "<":
        return Move.BACK
    return int(entered) if entered else None


def _ask(question: questionary.Question) -> Any:
    """Ask a question. Ctrl-D ends the interview like Ctrl-C."""
    try:
        return question.unsafe_ask()
    except EOFError as error:
        raise KeyboardInterrupt from error


def _output() -> Any:
    return create_output(stdout=sys.stderr)
