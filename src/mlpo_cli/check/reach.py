"""What a module's functions reach, and what its classes inherit, across the checked tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.module import FUNCTIONS, Definition, Module
from mlpo_cli.check.names import FunctionNode

MOST_FUNCTIONS = 200
MOST_BASES = 50


def list_reached(module: Module, function: FunctionNode) -> Iterator[Definition]:
    """Yield a function and all functions of the checked tree that it can call, each once.

    Follows imports, `self.` calls and constructors. What is called in another way is not found.
    """
    to_do, reached = [Definition(module, function)], {function}
    while to_do and len(reached) <= MOST_FUNCTIONS:
        definition = to_do.pop()
        yield definition
        for call in (node for node in ast.walk(definition.node) if isinstance(node, ast.Call)):
            found = definition.module.find_definition(call.func)
            if found and isinstance(found.node, ast.ClassDef):
                found = found.module.find_method(found.node, "__init__")
            if found and isinstance(found.node, FUNCTIONS) and found.node not in reached:
                reached.add(found.node)
                to_do.append(found)


def list_bases(module: Module, node: ast.ClassDef) -> Iterator[str]:
    """Yield the full names of a class's bases outside the checked tree, also of its local bases."""
    to_do, seen = [Definition(module, node)], {node}
    while to_do and len(seen) <= MOST_BASES:
        definition = to_do.pop()
        for base in definition.node.bases if isinstance(definition.node, ast.ClassDef) else ():
            name, local = definition.module.resolve(base), definition.module.find_definition(base)
            if name:
                yield name
            if local and isinstance(local.node, ast.ClassDef) and local.node not in seen:
                seen.add(local.node)
                to_do.append(local)
