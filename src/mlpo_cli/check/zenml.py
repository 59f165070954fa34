"""The steps of ZenML, with their options, types and results."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mlpo_cli.check.module import Module
from mlpo_cli.check.names import FunctionNode
from mlpo_cli.check.values import get_argument

MOST_IMPORTS = 200
STEPS = ("zenml.step", "zenml.steps.step", "zenml.steps.step_decorator.step")


@dataclass(frozen=True)
class Step:
    """A function that is a step. `call` is the decorator if it is called, such as `@step(...)`."""

    function: FunctionNode
    decorator: ast.expr
    call: ast.Call | None

    def get_option(self, name: str) -> ast.expr | None:
        """Return what the decorator is given for a keyword."""
        return get_argument(self.call, name) if self.call else None

    @property
    def has_open_options(self) -> bool:
        """Whether the decorator is given options that the code does not name, as `**options`."""
        return any(keyword.arg is None for keyword in (self.call.keywords if self.call else ()))


def list_steps(module: Module) -> list[Step]:
    """Return the steps that a module defines with a decorator."""
    if "zenml steps" not in module.memory:
        module.memory["zenml steps"] = [
            Step(function, decorator, call)
            for function in module.functions
            for name, decorator, call in module.list_decorators(function)
            if name in STEPS
        ]
    return module.memory["zenml steps"]  # type: ignore[no-any-return]


def list_returned(module: Module, function: FunctionNode) -> list[ast.expr]:
    """Return what a function returns, each element of a tuple for itself."""
    if "returned" not in module.memory:
        returned: dict[FunctionNode | None, list[ast.expr]] = {}
        for node in module.list_nodes(ast.Return):
            if node.value is not None:
                parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                returned.setdefault(module.find_function(node), []).extend(parts)
        module.memory["returned"] = returned
    return module.memory["returned"].get(function, [])  # type: ignore[no-any-return]


ANNOTATED = ("typing.Annotated", "typing_extensions.Annotated")
TUPLES = ("builtins.tuple", "typing.Tuple")
OPTIONAL = ("typing.Optional",)
MOST_STEPS = 20  # from an annotation to its types


def list_output_types(module: Module, annotation: ast.expr | None) -> Iterator[ast.expr]:
    """Yield the type of each output that the annotation of a step's result names.

    Looks into `Annotated`, `Optional` and tuples, and not into unions and texts.
    """
    to_do = [annotation] if annotation is not None else []
    for _ in range(MOST_STEPS):
        if not to_do:
            return
        node = to_do.pop(0)
        name = module.resolve(node.value) if isinstance(node, ast.Subscript) else None
        if not isinstance(node, ast.Subscript):
            yield node
        elif name in (*ANNOTATED, *OPTIONAL, *TUPLES):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            to_do += parts[:1] if name in ANNOTATED else parts[:MOST_STEPS]


def list_imported(package: Module) -> Iterator[Module]:
    """Yield the local modules that a package imports names from."""
    for node in list(package.list_nodes(ast.ImportFrom))[:MOST_IMPORTS]:
        local = package.find_local(node.module or "", node.level)
        if local is not None:
            yield local
