"""Values of the moment, such as the current time, and where in a module they go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mlpo_cli.check.module import FUNCTIONS, Module
from mlpo_cli.check.names import FunctionNode

RANDOM = frozenset({
    *(f"random.{name}" for name in (
        "random", "randint", "randrange", "choice", "choices", "sample", "uniform", "gauss",
        "normalvariate", "getrandbits",
    )),
    *(f"numpy.random.{name}" for name in ("rand", "randint", "random", "choice", "uniform")),
})  # fmt: skip
# What gives a time, with the number of arguments from which on it is the time that it is given.
TIMES = {
    "datetime.datetime.now": 2, "datetime.datetime.utcnow": 1, "datetime.datetime.today": 1,
    "datetime.date.today": 1, "time.time": 1, "time.time_ns": 1, "time.localtime": 1,
    "time.gmtime": 1, "time.ctime": 1, "time.strftime": 2, "pandas.Timestamp.now": 2,
    "pandas.Timestamp.utcnow": 1, "pandas.Timestamp.today": 2,
}  # fmt: skip
IDS = frozenset({
    "uuid.uuid1", "uuid.uuid4", "secrets.token_hex", "secrets.token_urlsafe", "secrets.randbelow",
})  # fmt: skip
# What gives a value that is made of what it is given.
FUNCTIONS_OF_VALUE = frozenset(
    f"builtins.{name}" for name in ("str", "int", "float", "repr", "round", "format", "abs")
) | {"time.strftime", "json.dumps"}
METHODS_OF_VALUE = frozenset({"format", "join", "strftime", "replace"})
PARTS = (ast.BinOp, ast.JoinedStr, ast.FormattedValue, ast.List, ast.Tuple, ast.Dict, ast.UnaryOp)
MOST_STEPS = 40  # from a value to its use
MOST_READS = 50


@dataclass(frozen=True)
class Use:
    """A call that gets a value, by `keyword` if not empty, or a function whose default it is."""

    user: ast.Call | FunctionNode
    keyword: str = ""


def list_moments(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Yield the calls that give a value of the moment, with their full names."""
    for call, name in module.list_calls(*RANDOM, *TIMES, *IDS):
        count = len(call.args) + len(call.keywords)
        if count < TIMES.get(name, count + 1):
            yield call, name


def list_uses(module: Module, node: ast.expr) -> Iterator[Use]:
    """Yield where a value certainly goes, by itself or in a text, through names and sums."""
    to_do, seen = [node], {node}
    while to_do:
        end, parent = _climb(module, to_do.pop())
        if isinstance(parent, ast.Call):
            name = end.arg if isinstance(end, ast.keyword) else None
            yield Use(parent, name or "")
        elif isinstance(parent, ast.arguments):
            function = module.get_parent(parent)
            if isinstance(function, FUNCTIONS):
                yield Use(function)
        elif isinstance(parent, (ast.Assign, ast.AnnAssign)):
            for read in _list_reads(module, parent)[:MOST_READS]:
                if read not in seen and len(seen) < MOST_READS:
                    seen.add(read)
                    to_do.append(read)


def _climb(module: Module, node: ast.AST) -> tuple[ast.AST, ast.AST | None]:
    """Return the largest expression that is made of a value, and what it stands in."""
    for _ in range(MOST_STEPS):
        parent = module.get_parent(node)
        if isinstance(parent, ast.Call):
            if node is not parent.func and not _keeps_value(module, parent):
                return node, parent
        elif isinstance(parent, (ast.Attribute, ast.Subscript)):
            if node is not parent.value:
                return node, None
        elif not isinstance(parent, (*PARTS, ast.keyword)):
            return node, parent
        node = parent
    return node, None


def _keeps_value(module: Module, call: ast.Call) -> bool:
    if module.resolve(call.func) in FUNCTIONS_OF_VALUE:
        return True
    return isinstance(call.func, ast.Attribute) and call.func.attr in METHODS_OF_VALUE


def _list_reads(module: Module, statement: ast.Assign | ast.AnnAssign) -> list[ast.Name]:
    """Return where the name is read that a statement alone gives a value to."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    target = targets[0]
    found = module.names.look_up(target.id, target) if isinstance(target, ast.Name) else None
    if len(targets) != 1 or not isinstance(target, ast.Name) or found is None:
        return []
    return module.names.list_reads(found[0], target.id) if len(found[1]) == 1 else []
