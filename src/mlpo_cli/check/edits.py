"""Edits that several rules make."""

from __future__ import annotations

import ast

from mlpo_cli.check.model import Edit
from mlpo_cli.check.module import Module


def add_import(module: Module, full_name: str) -> tuple[str, list[Edit]]:
    """Return the name of something in a module, and the edits that import it if need be.

    A new import follows the last one at the top that is of the same package, else the last one.
    Where nothing is imported at the top, it is the full name and no edit.
    """
    key = ("import", full_name)
    if key not in module.memory:
        module.memory[key] = _add_import(module, full_name)
    name, edits = module.memory[key]
    return name, edits


def _add_import(module: Module, full_name: str) -> tuple[str, list[Edit]]:
    for name in module.names.scopes.get(module.tree, {}):
        if module.find_member(name) == full_name:
            return name, []
    package, _, name = full_name.rpartition(".")
    first = package.partition(".")[0]
    imports = [s for s in module.tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
    named = [s for s in imports if isinstance(s, ast.ImportFrom) and not s.level]
    related = [s for s in named if (s.module or "").partition(".")[0] == first]
    if not imports:
        return full_name, []
    _, end = module.span((related or imports)[-1])
    newline = "\r\n" if "\r\n" in module.source.text else "\n"
    return name, [Edit(end, end, f"{newline}from {package} import {name}")]
