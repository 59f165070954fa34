"""A module of Python code as rules read it: nodes by type, names resolved, imports followed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mlpo_cli.check.model import Place
from mlpo_cli.check.names import BUILTINS, Binding, FunctionNode, Import, ScopeNode, index
from mlpo_cli.check.source import Source

Node = TypeVar("Node", bound=ast.AST)
MOST_STEPS = 20  # from a name to what it means
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Finder(Protocol):
    """What finds the local module that an import means."""

    def find_module(self, name: str, level: int, importer: Path) -> Module | None:
        """Return the module, or None if the import is not local."""


@dataclass(frozen=True)
class Definition:
    """A function or class, and the module that it is in."""

    module: Module
    node: FunctionNode | ast.ClassDef


class Module:
    """A parsed file. `path` is the file as it is shown, `file` where it is."""

    def __init__(
        self, source: Source, tree: ast.Module, file: Path, finder: Finder | None = None
    ) -> None:
        self.source = source
        self.tree = tree
        self.file = file
        self.finder = finder
        self.names, self._nodes = index(tree)
        self.memory: dict[object, Any] = {}  # of rules and helpers, for what takes long

    @property
    def path(self) -> str:
        """The file as it is shown."""
        return self.source.path

    # Positions

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node starts and ends in the text."""
        find = self.source.find_offset
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        end_line = getattr(node, "end_lineno", None) or line
        end_column = getattr(node, "end_col_offset", None)
        return find(line, column), find(end_line, column if end_column is None else end_column)

    def span_name(self, node: ast.Attribute) -> tuple[int, int]:
        """Return where the name of an attribute is, without what is before its dot."""
        _, end = self.span(node)
        return end - len(node.attr), end

    def locate(self, start: int, end: int) -> tuple[Place, str]:
        """Return the place of a part of the text, and the line that it begins in."""
        return self.source.locate(start, end)

    def get_text(self, node: ast.AST) -> str:
        """Return the code of a node as it is written."""
        start, end = self.span(node)
        return self.source.text[start:end]

    # Nodes

    def list_nodes(self, *kinds: type[Node]) -> Iterator[Node]:
        """Yield the nodes of some types, each type in the order of the code."""
        for kind in kinds:
            yield from self._nodes.get(kind, ())  # type: ignore[misc]

    @cached_property
    def functions(self) -> list[FunctionNode]:
        """All functions and methods."""
        return list(self.list_nodes(*FUNCTIONS))

    def get_parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node that a node is in; None for the module."""
        return self.names.parents.get(node)

    def find_function(self, node: ast.AST) -> FunctionNode | None:
        """Return the innermost function whose body holds a node."""
        scope: ScopeNode = self.names.find_scope(node)
        while not isinstance(scope, (ast.Module, *FUNCTIONS)):
            scope = self.names.find_scope(scope)
        return None if isinstance(scope, ast.Module) else scope

    def find_class(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the innermost class around a node."""
        scope: ScopeNode = self.names.find_scope(node)
        while not isinstance(scope, (ast.Module, ast.ClassDef)):
            scope = self.names.find_scope(scope)
        return None if isinstance(scope, ast.Module) else scope

    @cached_property
    def _calls_by_method(self) -> dict[str, list[ast.Call]]:
        calls: dict[str, list[ast.Call]] = {}
        for call in self.list_nodes(ast.Call):
            if isinstance(call.func, ast.Attribute):
                calls.setdefault(call.func.attr, []).append(call)
        return calls

    def list_method_calls(self, *names: str) -> Iterator[tuple[ast.Call, ast.Attribute]]:
        """Yield the calls `x.NAME(...)` with their `x.NAME`, whatever `x` is."""
        for name in names:
            for call in self._calls_by_method.get(name, ()):
                if isinstance(call.func, ast.Attribute):
                    yield call, call.func

    def list_calls(self, *names: str) -> Iterator[tuple[ast.Call, str]]:
        """Yield the calls of what has one of these full names, such as `kfp.dsl.ContainerSpec`."""
        wanted = frozenset(names)
        lasts = {name.rpartition(".")[2] for name in names}
        for call in self.list_nodes(ast.Call):
            # An alias of the last part is found too, but not one of an alias.
            written = get_last_name(call.func)
            if written in lasts or self._is_alias(written):
                name = self.resolve(call.func)
                if name in wanted:
                    yield call, name

    @cached_property
    def _aliases(self) -> frozenset[str]:
        """The names that stand for something with another name."""
        return frozenset(
            name
            for scope in self.names.scopes.values()
            for name, bindings in scope.items()
            for binding in bindings
            if binding.value is not None and _name_of(binding.value) != name
        )

    def _is_alias(self, name: str) -> bool:
        return name in self._aliases

    def list_decorators(
        self, node: FunctionNode | ast.ClassDef
    ) -> Iterator[tuple[str, ast.expr, ast.Call | None]]:
        """Yield the full name of each decorator, its node, and its call if it is called."""
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            name = self.resolve(call.func if call else decorator)
            if name:
                yield name, decorator, call

    # Meaning

    def resolve(self, node: ast.expr) -> str | None:
        """Return the full name of what an expression is, such as `kfp.dsl.component`.

        Follows imports, aliases and local modules. A built-in is `builtins.open`. None for what is
        defined in the checked tree, and for what cannot be told.
        """
        found = self._look_up(node, MOST_STEPS)
        return found if isinstance(found, str) else None

    def find_definition(self, node: ast.expr) -> Definition | None:
        """Return the function or class of the checked tree that an expression is.

        Follows imports, `module.name`, and `self.method` through the base classes.
        """
        found = self._look_up(node, MOST_STEPS)
        return found if isinstance(found, Definition) else None

    def _look_up(self, node: ast.AST, steps: int) -> str | Definition | Module | None:
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or len(attributes) > steps:
            return None
        found = self._look_up_name(node, steps - 1)
        for attribute in reversed(attributes):
            found = self._get_member(found, attribute, steps - 1)
        return found

    def _look_up_name(self, node: ast.Name, steps: int) -> str | Definition | Module | None:
        found = self.names.look_up(node.id, node)
        if found is not None:
            return self._follow(found[1], steps) or self._find_self(node, found[1])
        if node.id in BUILTINS:
            return f"builtins.{node.id}"
        return self._look_up_star(node.id, steps)

    def _look_up_star(self, name: str, steps: int) -> str | Definition | Module | None:
        for star in self.names.stars if steps > 0 else ():
            local = self.find_local(star.module, star.level)
            if local is None and not star.level and len(self.names.stars) == 1:
                return f"{star.module}.{name}"
            found = local and local.find_member(name, steps - 1)
            if found:
                return found
        return None

    def find_member(self, name: str, steps: int = MOST_STEPS) -> str | Definition | Module | None:
        """Return what a name of the module means to who imports it."""
        bindings = self.names.scopes.get(self.tree, {}).get(name)
        return self._follow(bindings, steps) if bindings else self._look_up_star(name, steps)

    def _follow(self, bindings: list[Binding], steps: int) -> str | Definition | Module | None:
        """Return what a name with these bindings means, if they agree."""
        if steps <= 0:
            return None
        results = []
        for binding in bindings[:5]:
            value = binding.value
            if isinstance(value, Import):
                results.append(self._follow_import(value, steps - 1))
            elif isinstance(value, (*FUNCTIONS, ast.ClassDef)):
                results.append(Definition(self, value))
            elif isinstance(value, (ast.Name, ast.Attribute)):
                results.append(self._look_up(value, steps - 1))
            elif not (isinstance(value, ast.Constant) and value.value is None):
                return None  # `x = None` stands for an import that failed
        return results[0] if results and len(bindings) <= 5 else None

    def _follow_import(self, target: Import, steps: int) -> str | Definition | Module | None:
        local = self.find_local(target.module, target.level)
        if not target.name:
            return local or target.module
        if local is not None:
            return local.find_member(target.name, steps) or self.find_local(
                f"{target.module}.{target.name}", target.level
            )
        inner = self.find_local(f"{target.module}.{target.name}".strip("."), target.level)
        if inner is not None:
            return inner
        return None if target.level else f"{target.module}.{target.name}"

    def find_local(self, module: str, level: int) -> Module | None:
        """Return the module of the checked tree that an import means."""
        return self.finder.find_module(module, level, self.file) if self.finder else None

    def _get_member(
        self, found: str | Definition | Module | None, name: str, steps: int
    ) -> str | Definition | Module | None:
        if isinstance(found, str):
            return f"{found}.{name}"
        if isinstance(found, Module):
            return found.find_member(name, steps)
        if isinstance(found, Definition) and isinstance(found.node, ast.ClassDef):
            return found.module.find_method(found.node, name, steps)
        return None

    def _find_self(self, node: ast.Name, bindings: list[Binding]) -> Definition | None:
        """Return the class whose method has this name as its first parameter."""
        parameter = bindings[0].node
        function = self.find_function(node)
        while function is not None:
            first = [*function.args.posonlyargs, *function.args.args][:1]
            around = self.names.find_scope(function)
            if parameter in first and isinstance(around, ast.ClassDef):
                return Definition(self, around)
            function = self.find_function(function)
        return None

    def find_method(
        self, node: ast.ClassDef, name: str, steps: int = MOST_STEPS
    ) -> Definition | None:
        """Return the method of a class or of its base classes in the checked tree."""
        if steps <= 0:
            return None
        for binding in reversed(self.names.scopes.get(node, {}).get(name, [])):
            if isinstance(binding.value, FUNCTIONS):
                return Definition(self, binding.value)
        for base in node.bases[:10]:
            found = self._look_up(base, steps - 1)
            if isinstance(found, Definition) and isinstance(found.node, ast.ClassDef):
                method = found.module.find_method(found.node, name, steps - 2)
                if method:
                    return method
        return None


def get_last_name(node: ast.expr) -> str:
    """Return `c` of `a.b.c`, and of `c`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _name_of(value: object) -> str:
    if isinstance(value, Import):
        return value.name or value.module.rpartition(".")[2]
    if isinstance(value, (*FUNCTIONS, ast.ClassDef)):
        return value.name
    return get_last_name(value) if isinstance(value, ast.expr) else ""
