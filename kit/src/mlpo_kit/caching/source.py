"""The code that a stage can reach, as it would run: without comments, docstrings and layout.

First-party is every module of the project, and every other that was not installed as a package
with a version. An import by a name that is only known at run time makes all modules of its package
count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from pathlib import Path

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError

KIT = "mlpo_kit"


def find_package_folder() -> Path:
    """Find the folder of the project's package."""
    project = find_project()
    return project.root / "src" / project.package


def find_reachable(module: str) -> dict[str, Path]:
    """Find the modules that importing `module` may load, by full name: those that are first-party."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        for part in _parents_and_self(name):
            path = _find_file(part)
            if path is not None and part not in found:
                found[part] = path
                waiting += _imports(path, part)
    return dict(sorted(found.items()))


def _parents_and_self(name: str) -> list[str]:
    words = name.split(".")
    return [".".join(words[: end + 1]) for end in range(len(words))]


def _find_file(name: str) -> Path | None:
    """The source of a first-party module; None for all others, and for what is no module."""
    top, *rest = name.split(".")
    root = _find_first_party(top)
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


def _find_first_party(top: str) -> Path | None:
    """The file of a top-level module that was not installed as a package with a version."""
    folder = find_package_folder()
    if top == folder.name:
        return folder / "__init__.py"
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
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*up, node.module or ""]).strip(".") if node.level else node.module
            found += [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and name.partition(".")[0] != KIT:
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
    root = _find_file(top)
    if root is None:
        return []
    files = [file.relative_to(root.parent).with_suffix("") for file in root.parent.rglob("*.py")]
    return [".".join((top, *file.parts)).removesuffix(".__init__") for file in files]


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise PipelineError(f"{path}:{error.lineno}: {error.msg}") from None


def hash_code(path: Path) -> str:
    """Hash what a source does, SHA-256 in hex: without comments, docstrings and layout."""
    tree = _parse(path)
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
