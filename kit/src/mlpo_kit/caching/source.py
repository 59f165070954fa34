"""Analyze a source file: hash its code without comments, docstrings and layout; list imports."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.store.files import hash_file

# Functions that load modules by name. If the name is not a constant, it is only known at run time.
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
_NAMED = {"__import__", "import_module", "resolve_name", "run_module"}  # name is the 1st argument
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")


@dataclass(frozen=True)
class Source:
    """A source file: the digest of its code, and the modules that it may load.

    `imports` are names from import statements as written, such as `..settings.Settings`; some are
    attributes of a module. `named` are names from string constants. `is_open` is true if it loads
    a module by a name that is only known at run time. `reads_run` is true if it may read settings
    of the whole run, as in `work.run.settings`.
    """

    digest: str
    imports: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    is_open: bool = False
    reads_run: bool = False


def read_source(path: Path) -> Source:
    """Analyze a module's file; a compiled module is hashed by its bytes.

    Raises PipelineError with file and line if it is not valid Python.
    """
    if path.suffix != ".py":
        return Source(hash_file(path))
    try:
        return _analyze(path.read_bytes())
    except SyntaxError as error:
        place = find_project().name_files(str(path))
        raise PipelineError(f"{place}:{error.lineno}: {error.msg}") from None


def hash_code(path: Path) -> str:
    """Hash the code of a file, without comments, docstrings and layout: SHA-256, in hex."""
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
                is_open = True  # passed on under another name
        elif isinstance(node, ast.Constant) and _DOTTED.fullmatch(str(node.value)):
            named.append(str(node.value))
    digest = hashlib.sha256("".join(_dump(tree)).encode()).hexdigest()
    reads_run = {"run", "settings"} <= attributes
    return Source(digest, tuple(imports), tuple(named), is_open, reads_run)


def _get_name(node: ast.expr) -> str:
    """Return the last name of `a.b.c`; empty for other expressions."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _get_text(call: ast.Call) -> str | None:
    """Return the first argument of a call, or its argument `name`, if it is a string constant."""
    arguments = [*call.args, *(item.value for item in call.keywords if item.arg == "name")]
    first = arguments[0] if arguments else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _dump(node: object) -> Iterator[str]:
    """Dump a syntax tree without docstrings; the text is equal in all supported Python versions.

    `ast.dump` differs between versions: newer ones add fields and omit others.
    """
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != []:
                yield f"{name}="
                yield from _dump(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            if not _is_docstring(item):
                yield from _dump(item)
                yield ","
        yield "]"
    else:
        yield repr(node)


def _is_docstring(node: object) -> bool:
    """Whether a statement is only a string: a docstring, or a string used as a comment."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
