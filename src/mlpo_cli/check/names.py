"""What the names in a module mean: imports, aliases, definitions. Nothing is imported."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
ScopeNode = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
MOST_DEPTH = 1_000
BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Import:
    """A name that an import binds: `from MODULE import NAME`, or `import MODULE` with no name.

    `level` is the number of dots of a relative import.
    """

    module: str
    name: str = ""
    level: int = 0


@dataclass(frozen=True)
class Binding:
    """One place where a name gets a value.

    `value` is what an assignment gives to the name alone, an import, or the node of a definition;
    None for anything else, such as a parameter or a loop.
    """

    node: ast.AST
    value: ast.expr | Import | FunctionNode | ast.ClassDef | None = None


@dataclass
class Names:
    """The bindings of each scope by name, and the modules of star imports of the whole module."""

    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    scope_of: dict[ast.AST, ScopeNode] = field(default_factory=dict)
    scopes: dict[ast.AST, dict[str, list[Binding]]] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)

    def find_scope(self, node: ast.AST) -> ScopeNode:
        """Return the function, class or module whose names a node reads.

        Decorators, defaults and annotations of a function belong to what is around it.
        """
        return self.scope_of[node]

    def look_up(self, name: str, node: ast.AST) -> tuple[ScopeNode, list[Binding]] | None:
        """Return the scope that binds a name which `node` reads, and its bindings."""
        scope = self.find_scope(node)
        is_first = True
        while True:
            bindings = self.scopes.get(scope, {}).get(name)
            if bindings and (is_first or not isinstance(scope, ast.ClassDef)):
                return scope, bindings
            if isinstance(scope, ast.Module):
                return None
            scope, is_first = self.find_scope(scope), False

    def list_reads(self, scope: ast.AST, name: str) -> list[ast.Name]:
        """Return where a name of a scope is read, also in functions inside the scope."""
        return self._reads.get((scope, name), [])

    @cached_property
    def _reads(self) -> dict[tuple[ast.AST, str], list[ast.Name]]:
        reads: dict[tuple[ast.AST, str], list[ast.Name]] = {}
        for node in self.scope_of:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found = self.look_up(node.id, node)
                if found:
                    reads.setdefault((found[0], node.id), []).append(node)
        return reads

    def _bind(self, scope: ast.AST, name: str, binding: Binding) -> None:
        self.scopes.setdefault(scope, {}).setdefault(name, []).append(binding)

    def bind(self, node: ast.AST) -> None:
        """Take in what a node binds, if it binds something."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._bind_import(node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._bind(self.find_scope(node), node.name, Binding(node, node))
        elif isinstance(node, ast.arg):
            function = self.parents[self.parents[node]]
            self._bind(function, node.arg, Binding(node))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self._bind(self.find_scope(node), node.name, Binding(node))
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            self._bind(self.find_scope(node), node.id, Binding(node, self._find_value(node)))
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            self._bind(self.find_scope(node), node.name, Binding(node))

    def _find_value(self, name: ast.Name) -> ast.expr | None:
        """Return what is assigned to a name, unless it is only one part of a target."""
        parent = self.parents.get(name)
        if isinstance(parent, ast.Assign):  # what is assigned is no name that is bound
            return parent.value
        if isinstance(parent, (ast.AnnAssign, ast.NamedExpr)) and parent.target is name:
            return parent.value
        return None

    def _bind_import(self, node: ast.Import | ast.ImportFrom) -> None:
        scope = self.find_scope(node)
        for alias in node.names:
            if isinstance(node, ast.Import):
                first = alias.name.partition(".")[0]
                target = Import(alias.name if alias.asname else first)
                self._bind(scope, alias.asname or first, Binding(node, target))
            elif alias.name == "*":
                self.stars.append(Import(node.module or "", "", node.level))
            else:
                target = Import(node.module or "", alias.name, node.level)
                self._bind(scope, alias.asname or alias.name, Binding(node, target))


class TooDeepError(Exception):
    """The code is nested too deeply to be checked."""


def index(tree: ast.Module) -> tuple[Names, dict[type[ast.AST], list[ast.AST]]]:
    """Collect the names of a module, and its nodes by type, in the order of the code.

    Raises TooDeepError.
    """
    names = Names()
    nodes: dict[type[ast.AST], list[ast.AST]] = {}
    for node in _walk(tree, names):
        nodes.setdefault(type(node), []).append(node)
    for kind in _BINDING:
        for node in nodes.get(kind, ()):
            names.bind(node)
    return names, nodes


_BINDING = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arg),
    *(ast.ExceptHandler, ast.Name, ast.MatchAs, ast.MatchStar),
)
_IGNORED = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


def _walk(tree: ast.Module, names: Names) -> Iterator[ast.AST]:
    """Yield all nodes from the top, and note the parent and the scope of each.

    Contexts and operators are left out. Raises TooDeepError.
    """
    names.scope_of[tree] = tree
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        yield node
        if depth > MOST_DEPTH:
            raise TooDeepError
        children: list[tuple[ast.AST, int]] = []
        around = names.scope_of[node]
        for name in node._fields:
            value = getattr(node, name, None)
            inside = node if isinstance(node, SCOPES) and name == "body" else around
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, ast.AST) and not isinstance(child, _IGNORED):
                    names.parents[child], names.scope_of[child] = node, inside
                    children.append((child, depth + 1))
        stack += reversed(children)
