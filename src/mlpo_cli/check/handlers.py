"""Whether code goes on after an error."""

from __future__ import annotations

import ast

from mlpo_cli.check.module import FUNCTIONS, Module, get_last_name


def is_caught(module: Module, node: ast.AST, *errors: str) -> bool:
    """Whether a `try` of the same function catches one of these errors at a node, or all errors."""
    names = {*errors, "Exception", "BaseException"}
    parent = module.get_parent(node)
    while parent is not None and not isinstance(node, FUNCTIONS):
        if isinstance(parent, ast.Try) and node in parent.body:
            for handler in parent.handlers:
                kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
                if any(kind is None or get_last_name(kind) in names for kind in kinds):
                    return True
        node, parent = parent, module.get_parent(parent)
    return False
