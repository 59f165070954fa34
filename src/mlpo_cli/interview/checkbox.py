"""A list in a terminal from which several lines can be ticked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import questionary
from questionary.prompts.common import InquirerControl

_INSTRUCTION = "(Space selects several, Enter continues)"


def ask_several(
    message: str,
    choices: Sequence[questionary.Choice],
    moves: Sequence[questionary.Choice],
    alone: Sequence[questionary.Choice],
    output: Any,
) -> questionary.Question:
    """A question whose result is a list of values: those that are ticked, or one move.

    Enter without a tick takes the line under the pointer, as in a list without ticks; on a move it
    always takes that move. A tick on a choice in `alone`, or on a move, removes all others.
    """
    question = questionary.checkbox(
        message, [*choices, *moves], instruction=_INSTRUCTION, output=output
    )
    controls = question.application.layout.find_all_controls()
    control = next(c for c in controls if isinstance(c, InquirerControl))
    values_alone = [line.value for line in (*alone, *moves)]
    values_of_moves = [line.value for line in moves]

    def tick(event: Any) -> None:
        pointed, ticked = control.get_pointed_at().value, control.selected_options
        if pointed in ticked:
            ticked.remove(pointed)
        elif pointed in values_alone:
            control.selected_options = [pointed]
        else:
            control.selected_options = [v for v in ticked if v not in values_alone] + [pointed]

    def go_on(event: Any) -> None:
        pointed = control.get_pointed_at().value
        if pointed in values_of_moves or not control.selected_options:
            control.selected_options = [pointed]
        control.is_answered = True
        event.app.exit(result=list(control.selected_options))

    def ignore(event: Any) -> None:
        """To tick everything, or to invert the ticks, would tick the moves as well."""

    # What is added later is called instead of questionary's own.
    bindings: Any = question.application.key_bindings
    for key, handle in {" ": tick, "enter": go_on, "a": ignore, "i": ignore}.items():
        bindings.add(key, eager=True)(handle)
    return question
