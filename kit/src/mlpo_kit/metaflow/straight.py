"""The variant of the flow for Step Functions, which can't choose between two steps.

It differs from the project's flow in one way: `train` always starts, with its GPU. If an earlier
run has trained the same model, `train` reuses it and ends.
"""

from __future__ import annotations

import ast
from typing import Any

from mlpo_kit.metaflow.flow import HIT, MISS, PipelineFlow
from mlpo_kit.metaflow.generated import parse_step, replace_source


class Straight(PipelineFlow):
    """A mixin that removes the choices: each step has one successor."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Replace each choice between hit and miss by the path of the miss."""
        super().__init_subclass__(**kwargs)
        for base in cls.__mro__[1:]:
            for node in getattr(base, "_graph", ()):
                if set(node.switch_cases) == {HIT, MISS} and node.name not in vars(cls):
                    old = getattr(base, node.name)
                    replace_source(cls, old, _straighten(old, node.switch_cases[MISS]))

    def look_up(self, name: str) -> str:
        """Return `miss`: the stage itself looks for an earlier result."""
        return MISS


def _straighten(step: Any, next_step: str) -> str:
    """Return the source of a step, changed to go on to `next_step`."""
    function = parse_step(step)
    function.decorator_list = []
    function.body[-1] = ast.parse(f"self.next(self.{next_step})").body[0]
    return ast.unparse(function)
