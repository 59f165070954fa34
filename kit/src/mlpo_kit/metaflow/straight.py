"""The flow for Step Functions, which know no choice between two steps.

All is as the project's flow has it, but that `train` always starts, with its GPU; where an earlier
run made the same model, it says so and ends.
"""

from __future__ import annotations

import ast
from typing import Any

from mlpo_kit.metaflow.flow import HIT, MISS, PipelineFlow
from mlpo_kit.metaflow.generated import parse_step, replace_source


class Straight(PipelineFlow):
    """A mixin: one step after another."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Replace each choice between a hit and a miss by the way of the miss."""
        super().__init_subclass__(**kwargs)
        for base in cls.__mro__[1:]:
            for node in getattr(base, "_graph", ()):
                if set(node.switch_cases) == {HIT, MISS} and node.name not in vars(cls):
                    old = getattr(base, node.name)
                    replace_source(cls, old, _straighten(old, node.switch_cases[MISS]))

    def look_up(self, name: str) -> str:
        """Look for nothing: the stage itself does."""
        return MISS


def _straighten(step: Any, after: str) -> str:
    """The source of a step that goes on to `after`."""
    function = parse_step(step)
    function.decorator_list = []
    function.body[-1] = ast.parse(f"self.next(self.{after})").body[0]
    return ast.unparse(function)
