"""The constants and texts that expressions are, as far as the code says them."""

from __future__ import annotations

import ast

from mlpo_cli.check.module import Module
from mlpo_cli.check.names import Import

UNKNOWN = "\0"  # in a text, in the place of what is not known
MOST_STEPS = 20  # from an expression to its value


def find_constant(module: Module, node: ast.expr | None, steps: int = MOST_STEPS) -> object:
    """Return the number, text or other constant that an expression is; None if not known.

    Follows names that are assigned once, also in local modules.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if steps <= 0:
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = find_constant(module, node.operand, steps - 1)
        return -value if isinstance(value, (int, float)) else None
    found = find_assigned(module, node)
    return find_constant(*found, steps - 1) if found else None


def find_assigned(module: Module, node: ast.expr | None) -> tuple[Module, ast.expr] | None:
    """Return the module and the expression of the only value that a name has."""
    if not isinstance(node, ast.Name):
        return None
    found = module.names.look_up(node.id, node)
    if found is None or len(found[1]) != 1:
        return None
    value = found[1][0].value
    if isinstance(value, ast.expr):
        return module, value
    if isinstance(value, Import) and value.name:
        local = module.find_local(value.module, value.level)
        bindings = local.names.scopes.get(local.tree, {}).get(value.name, []) if local else []
        if local and len(bindings) == 1 and isinstance(bindings[0].value, ast.expr):
            return local, bindings[0].value
    return None


def find_text(module: Module, node: ast.expr | None, steps: int = MOST_STEPS) -> str | None:
    """Return the text that an expression is, with UNKNOWN in the place of unknown parts.

    Reads constants, f-strings and sums. None for what is no text as far as is known.
    """
    if steps <= 0:
        return None
    if isinstance(node, ast.JoinedStr):
        return "".join(_find_part(module, part, steps - 1) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = (find_text(module, side, steps - 1) for side in (node.left, node.right))
        if left is None and right is None:
            return None
        return (UNKNOWN if left is None else left) + (UNKNOWN if right is None else right)
    if isinstance(node, ast.Name):
        found = find_assigned(module, node)
        return find_text(*found, steps - 1) if found else None
    value = find_constant(module, node, steps)
    return value if isinstance(value, str) else None


def _find_part(module: Module, part: ast.expr, steps: int) -> str:
    if not isinstance(part, ast.FormattedValue):
        return find_text(module, part, steps) or ""
    if part.format_spec is not None or part.conversion not in (-1, ord("s")):
        return UNKNOWN
    value = find_constant(module, part.value, steps)
    text = str(value) if type(value) is int else find_text(module, part.value, steps)
    return UNKNOWN if text is None else text


def get_argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """Return the argument of a call by its keyword, or at a position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is None or position >= len(call.args):
        return None
    before = call.args[: position + 1]
    return None if any(isinstance(arg, ast.Starred) for arg in before) else before[-1]
