"""The code that a stage can reach, as it would run: without comments, docstrings and layout.

Managed by mlpo. First-party is every module of this project, and every other that was not
installed as a package with a version. An import by a name that is only known at run time makes
all modules of its package count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from functools import cache
from pathlib import Path

from .errors import PipelineError

KIT = __package__
OWN = __package__.partition(".")[0]
OWN_FOLDER = Path(__file__).resolve().parent.parent


def reachable(module: str) -> dict[str, Path]:
    """The modules that importing `module` may load, by full name, where they are first-party."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        for part in _parents_and_self(name):
            path = _file_of(part)
            if path is not None and part not in found:
                found[part] = path
                waiting += _imports(path, part)
    return dict(sorted(found.items()))


def _parents_and_self(name: str) -> list[str]:
    words = name.split(".")
    return [".".join(words[: end + 1]) for end in range(len(words))]


def _file_of(name: str) -> Path | None:
    """The source of a first-party module; None for all others, and for what is no module."""
    top, *rest = name.split(".")
    root = _first_party(top)
    if root is None:
        return None
    if not rest:
        return root
    if root.name != "__init__.py":  # a single module has no others in it
        return None
    base = root.parent.joinpath(*rest)
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def _first_party(top: str) -> Path | None:
    """The file of a top-level module that was not installed as a package with a version."""
    if top == OWN:
        return OWN_FOLDER / "__init__.py"
    if top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return None if installed else path


def _imports(path: Path, name: str) -> list[str]:
    """The modules that a file may import, as full names; some are no modules but their content."""
    found: list[str] = []
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(_tree_of(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*up, node.module or ""]).strip(".") if node.level else node.module
            found += [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and not name.startswith(KIT):
            found += _imported_by_name(node, name)
    return found


def _imported_by_name(call: ast.Call, importer: str) -> list[str]:
    """What a call of `import_module` or `__import__` may load."""
    function = call.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called not in ("import_module", "__import__"):
        return []
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and not str(first.value).startswith("."):
        return [str(first.value)]
    top = importer.partition(".")[0]
    root = _file_of(top)
    if root is None:
        return []
    files = [file.relative_to(root.parent).with_suffix("") for file in root.parent.rglob("*.py")]
    return [".".join((top, *file.parts)).removesuffix(".__init__") for file in files]


def _tree_of(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise PipelineError(f"{path}:{error.lineno}: {error.msg}") from None


def code_of(path: Path) -> str:
    """A digest of what the source does: without comments, docstrings and layout."""
    tree = _tree_of(path)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                item
                for item in body
                if not (
                    isinstance(item, ast.Expr)
                    and isinstance(item.value, ast.Constant)
                    and isinstance(item.value.value, str)
                )
            ]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
