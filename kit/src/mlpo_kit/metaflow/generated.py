"""Generate steps from source text, for the variants of a flow.

Metaflow 2.19 reads a flow's graph from the source text of its steps. The steps that a variant adds
must go on to whatever comes next in the project's own flow, so their source is generated. Each
calls one ordinary method and then `self.next`; a traceback shows both.
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
    """Add the function in `source` to a flow as a step with these decorators."""
    function: Any = step(_define(source, owner.__module__))
    function.decorators = list(decorators)
    setattr(owner, function.__name__, function)


def replace_source(owner: type, old: Any, source: str) -> None:
    """Replace a step by the function in `source`, keeping the step's decorators."""
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
    """Return the last statement of a step, its `self.next(...)`, as text."""
    last = parse_step(function).body[-1]
    return ast.unparse(last)


def find_training_step(flow: type, stage: str) -> Any:
    """Find the training step of the project's flow; raises PipelineError if there is none."""
    for base in flow.__mro__[1:]:
        if not base.__module__.startswith("mlpo_kit.") and stage in vars(base):
            return vars(base)[stage]
    raise PipelineError(
        f"{flow.__name__} has no step {stage!r}: add one that runs the training stage "
        "(PIPELINE's training_stage)"
    )


def _define(source: str, module: str, names: dict[str, Any] | None = None) -> Callable[..., Any]:
    """Define a function whose source inspect and tracebacks can find."""
    parsed = ast.parse(source).body[0]
    assert isinstance(parsed, ast.FunctionDef)
    text = "if True:\n" + textwrap.indent(source, "    ")  # Metaflow reads indented methods only
    file = f"<mlpo_kit.metaflow: {parsed.name}, made for {module}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {**(names or {}), "__name__": module}
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    function: Callable[..., Any] = namespace[parsed.name]
    return function
