"""Steps that are made from text, for the forms of a flow.

Metaflow 2.19 reads a flow's graph from the source text of its steps, so a step that goes on to what
the project's own flow does next must be written out. Each such step is a call of a method that is
in a file, and `self.next`; a traceback shows both.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from metaflow import step

from mlpo_kit.errors import PipelineError


def define_step(owner: type, source: str, decorators: Sequence[Any] = ()) -> None:
    """Make the one function in `source` a step of a flow, with step decorators as they are."""
    function: Any = step(_define(source, owner.__module__))
    function.decorators = list(decorators)
    setattr(owner, function.__name__, function)


def replace_source(owner: type, old: Any, source: str) -> None:
    """Make the one function in `source` take the place of a step, with all that decorates it."""
    new: Any = step(_define(source, old.__module__, old.__globals__))
    for name in ("decorators", "wrappers", "config_decorators", "is_start_step", "is_end_step"):
        if hasattr(old, name):
            setattr(new, name, getattr(old, name))
    setattr(owner, new.__name__, new)


def parse_step(function: Any) -> ast.FunctionDef:
    """Parse a step's source."""
    parsed = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(parsed, ast.FunctionDef):
        raise TypeError(f"{function} is no function")
    return parsed


def find_transition(function: Any) -> str:
    """Find where a step goes: its last `self.next(...)`, as text."""
    last = parse_step(function).body[-1]
    return ast.unparse(last)


def find_training_step(flow: type, stage: str) -> Any:
    """Find the step of the project's flow that trains; raises PipelineError where there is none."""
    for base in flow.__mro__[1:]:
        if not base.__module__.startswith("mlpo_kit.") and stage in vars(base):
            return vars(base)[stage]
    raise PipelineError(
        f"{flow.__name__} has no step {stage!r}, which runs the stage that learns "
        "(PIPELINE's training_stage)"
    )


def _define(source: str, module: str, names: dict[str, Any] | None = None) -> Callable[..., Any]:
    """Define a function such that inspect and tracebacks find its text."""
    parsed = ast.parse(source).body[0]
    assert isinstance(parsed, ast.FunctionDef)
    text = "if True:\n" + textwrap.indent(source, "    ")  # Metaflow reads indented methods only
    file = f"<mlpo_kit.metaflow: {parsed.name}, made for {module}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {**(names or {}), "__name__": module}
    exec(compile(text, file, "exec", dont_inherit=True), space)
    function: Callable[..., Any] = space[parsed.name]
    return function
