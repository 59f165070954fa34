"""List what can be imported in the projects of a scaffold: scaffolds/<orchestrator>/importable.txt.

A package of a project may have none of these names: one of the two would hide the other. `make
locks` writes the lists, from the environments of the tests, which have the locked packages in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from test_environments import NAME, TOOLS

from mlpo_cli.answers import stdlib

FILE = "importable.txt"
_HEAD = (
    "# What can be imported in a project of this scaffold, besides Python's standard library.",
    "# Written by `make locks` from the locked packages.",
)
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*")  # no other name can be a project's package
_LOOKED_UP = re.compile(rb"""sys\.modules(?:\.get\(|\[)\s*["']([a-z]\w*)["']""")


def render_list(environment: Path, locks: Path) -> str:
    """Return the text of a scaffold's list.

    `environment` is a .venv with its locked packages, `locks` the folder of its locks.
    """
    return "\n".join([*_HEAD, *sorted(find_modules(environment, locks))]) + "\n"


def find_modules(environment: Path, locks: Path) -> set[str]:
    """Return the names of the top-level modules of all locked packages.

    Also those that a locked package looks for in sys.modules without importing them: scikit-learn
    takes any module named `pandas` for the real one.
    """
    (site,) = environment.glob("lib/python3*/site-packages")
    left_out = {NAME, *TOOLS}
    installed = {
        name: distribution
        for distribution in distributions(path=[str(site)])
        if (name := canonicalize_name(distribution.name)) not in left_out
    }
    modules = {module for one in installed.values() for module in _list_modules(one)}
    modules |= {_guess_module(name) for name in _list_locked(locks) - set(installed)}
    return {module for module in modules - stdlib.NAMES if _PACKAGE.fullmatch(module)}


def _list_modules(distribution: Distribution) -> Iterator[str]:
    for file in distribution.files or ():
        top = file.parts[0]
        if len(file.parts) > 1:
            yield top
        elif file.suffix in (".py", ".so"):
            yield top.partition(".")[0]
        if file.suffix == ".py" and top != "..":
            source = Path(str(file.locate())).read_bytes()
            yield from (found.decode() for found in _LOOKED_UP.findall(source))


def _list_locked(locks: Path) -> set[str]:
    texts = [lock.read_text(encoding="utf-8") for lock in locks.glob("*.lock")]
    return {name for text in texts for name in re.findall(r"^([\w.-]+)==", text, re.M)}


def _guess_module(distribution: str) -> str:
    """Return the module of a distribution that is not installed where the lists are written.

    Those are packages for CUDA, which share a namespace that is the first word of their names, and
    the few for other systems and older Pythons, which are named as their module is.
    """
    first, _, _ = distribution.partition("-")
    return first if first in ("cuda", "nvidia") else distribution.replace("-", "_")
