"""Which paths are on the disk of one container, and what writes to them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from mlpo_cli.check.module import Module, get_last_name
from mlpo_cli.check.names import FunctionNode
from mlpo_cli.check.values import UNKNOWN, find_assigned, find_constant, find_text, get_argument

PREFIXES = ("/tmp/", "/var/tmp/", "./")
NEW = ("tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.mktemp")  # nobody else has such a path
FOLDERS = ("tempfile.gettempdir", "os.getcwd", "pathlib.Path.cwd")
JOINED = ("os.path.join", "os.path.abspath", "os.path.realpath", "pathlib.Path", "pathlib.PurePath",
          "builtins.str", "os.fspath")  # fmt: skip
METHODS = ("as_posix", "resolve", "absolute", "joinpath", "with_suffix", "with_name")
WRITING = frozenset({
    "dump", "save", "savez", "savez_compressed", "savetxt", "savefig", "save_model",
    "save_pretrained", "save_weights", "save_file", "to_csv", "to_parquet", "to_pickle", "to_json",
    "to_feather", "to_hdf", "to_excel", "write_csv", "write_parquet", "write_table", "write_text",
    "write_bytes", "imwrite", "urlretrieve", "download_file", "save_to_disk", "copy", "copyfile",
    "copytree", "make_archive", "write_image", "export",
})  # fmt: skip
MOST_STEPS = 20  # from an expression to the path that it is


@dataclass
class LocalPath:
    """What may be a path on the disk of one container.

    `is_local` if it is certainly one, and `is_new` if the program makes its name, so that no other
    container has such a file. `keys` are the names and texts that it is made from, `text` the whole
    path if the code says it.
    """

    text: str = ""
    is_local: bool = False
    is_new: bool = False
    keys: set[object] = field(default_factory=set)


def find_local_path(module: Module, node: ast.expr | None) -> LocalPath | None:
    """Return the path on the disk of one container that an expression is; None if it is not one."""
    path = _trace(module, node)
    return path if path.is_local else None


def _trace(module: Module, node: ast.expr | None) -> LocalPath:
    """Follow an expression to where its path begins."""
    path, is_whole = LocalPath(), True
    for _ in range(MOST_STEPS):
        if node is None:
            break
        path.keys |= set(_list_names(module, node))
        text = find_text(module, node)
        called = module.resolve(node.func) if isinstance(node, ast.Call) else None
        if text is not None and f"{text}/".startswith(PREFIXES):
            path.is_local = True
            path.text = text if is_whole and UNKNOWN not in text else ""
            break
        if called in (*NEW, *FOLDERS):
            path.is_local, path.is_new = True, called in NEW
            break
        is_whole = is_whole and isinstance(node, ast.Name)
        node = _go_on(module, node)
    return path


def _list_names(module: Module, node: ast.expr) -> Iterator[object]:
    """Yield what says that two expressions are the same variable or attribute of `self`."""
    if isinstance(node, ast.Name):
        found = module.names.look_up(node.id, node)
        yield (found[0] if found else None, node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield (node.value.id, node.attr)


def _go_on(module: Module, node: ast.expr) -> ast.expr | None:
    """Return the expression that the beginning of a path comes from."""
    if isinstance(node, ast.JoinedStr):
        first = node.values[0] if node.values else None
        return first.value if isinstance(first, ast.FormattedValue) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
        return node.left
    if isinstance(node, ast.Subscript):  # of what mkstemp() gives
        return node.value
    if isinstance(node, ast.Call):
        if module.resolve(node.func) in JOINED:
            return node.args[0] if node.args else None
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            return node.func.value
        return None
    found = find_assigned(module, node)
    return found[1] if found and found[0] is module else None


def _find_written(module: Module, function: FunctionNode) -> tuple[set[object], set[str]]:
    """Return the keys of all that a function may write to, and the known paths with their folders.

    Both are collected once for each function.
    """
    key = ("written paths", function)
    if key not in module.memory:
        keys: set[object] = set()
        texts: set[str] = set()
        for call in _list_calls(module).get(function, []):
            for node in list_written_arguments(module, call):
                path = _trace(module, node)
                keys |= path.keys
                text = path.text.rstrip("/")
                for _ in range(MOST_STEPS):
                    if not text or text in texts:
                        break
                    texts.add(text)
                    text = text.rpartition("/")[0]
        module.memory[key] = keys, texts
    return module.memory[key]  # type: ignore[no-any-return]


def _list_calls(module: Module) -> dict[FunctionNode | None, list[ast.Call]]:
    if "calls by function" not in module.memory:
        calls: dict[FunctionNode | None, list[ast.Call]] = {}
        for call in module.list_nodes(ast.Call):
            calls.setdefault(module.find_function(call), []).append(call)
        module.memory["calls by function"] = calls
    return module.memory["calls by function"]  # type: ignore[no-any-return]


def list_written_arguments(module: Module, call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call which may be the path that it writes to."""
    name = get_last_name(call.func)
    if name == "open":
        is_method = isinstance(call.func, ast.Attribute) and not module.resolve(call.func)
        mode = find_constant(module, get_argument(call, "mode", 0 if is_method else 1))
        if not isinstance(mode, str) or not set(mode) & set("wax"):
            return []
    elif name not in WRITING:
        return []
    receiver = [call.func.value] if isinstance(call.func, ast.Attribute) else []
    return [*call.args[:5], *(keyword.value for keyword in call.keywords[:10]), *receiver]


def is_written(module: Module, function: FunctionNode, path: LocalPath) -> bool:
    """Whether a function writes to a path, or to one below it."""
    keys, texts = _find_written(module, function)
    return path.is_new or not path.keys.isdisjoint(keys) or path.text.rstrip("/") in texts
