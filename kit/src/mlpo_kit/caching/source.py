"""What one source file does, and what it imports: without comments, docstrings and layout."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mlpo_kit.errors import PipelineError
from mlpo_kit.store.files import hash_file

# What loads modules by name. Where the name is no constant, only a run knows what is loaded.
_LOADERS = {
    "__import__",
    "exec",
    "import_module",
    "iter_modules",
    "resolve_name",
    "run_module",
    "run_path",
    "spec_from_file_location",
    "walk_packages",
}
_NAMED = {"__import__", "import_module", "resolve_name", "run_module"}  # by their first argument
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")


@dataclass(frozen=True)
class Source:
    """A source file: the digest of what it does, and the modules that it may load.

    `imports` are names as they are written, `..settings.Settings` included; some name what is in a
    module. `named` are those that stand in a text. `is_open` where a name is known to a run only.
    `reads_run` where it may read settings of the whole run, as `work.run.settings`.
    """

    digest: str
    imports: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    is_open: bool = False
    reads_run: bool = False


def read_source(path: Path) -> Source:
    """Read a module's file; a compiled one counts by its bytes.

    Raises PipelineError with file and line where it is no Python.
    """
    if path.suffix != ".py":
        return Source(hash_file(path))
    try:
        return _analyze(path.read_bytes())
    except SyntaxError as error:
        raise PipelineError(f"{path}:{error.lineno}: {error.msg}") from None


def hash_code(path: Path) -> str:
    """Hash what a source does, SHA-256 in hex: without comments, docstrings and layout."""
    return read_source(path).digest


@lru_cache(maxsize=1024)  # the stages of a run share most of their modules
def _analyze(content: bytes) -> Source:
    tree = ast.parse(content)
    imports: list[str] = []
    named: list[str] = []
    called: set[int] = set()
    attributes: set[str] = set()
    is_open = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (f"{node.module}." if node.module else "")
            imports += [base + alias.name for alias in node.names]
            is_open |= any(a.name in _LOADERS and a.asname is not None for a in node.names)
        elif isinstance(node, ast.Call):
            if (loader := _get_name(node.func)) in _LOADERS:
                called.add(id(node.func))
                text = _get_text(node)
                if loader in _NAMED and text and text[0] != ".":
                    named.append(text.partition(":")[0])
                else:
                    is_open |= loader != "exec" or isinstance(node.func, ast.Name)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            attributes.add(getattr(node, "attr", ""))
            if _get_name(node) in _LOADERS - {"exec"} and id(node) not in called:
                is_open = True  # handed on under another name
        elif isinstance(node, ast.Constant) and _DOTTED.fullmatch(str(node.value)):
            named.append(str(node.value))
    digest = hashlib.sha256("".join(_write(tree)).encode()).hexdigest()
    reads_run = {"run", "settings"} <= attributes
    return Source(digest, tuple(imports), tuple(named), is_open, reads_run)


def _get_name(node: ast.expr) -> str:
    """The last word of `a.b.c`; nothing for other expressions."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _get_text(call: ast.Call) -> str | None:
    """The first argument of a call, where it is a text."""
    arguments = [*call.args, *(item.value for item in call.keywords if item.arg == "name")]
    first = arguments[0] if arguments else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _write(node: object) -> Iterator[str]:
    """A tree as text, without docstrings, the same under every Python that can run it.

    `ast.dump` is not: it names fields that newer Pythons have, and leaves others out.
    """
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != []:
                yield f"{name}="
                yield from _write(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            if not _is_text(item):
                yield from _write(item)
                yield ","
        yield "]"
    else:
        yield repr(node)


def _is_text(node: object) -> bool:
    """Whether a statement is a text and nothing else: a docstring, or what stands for a comment."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
