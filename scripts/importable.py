"""List the modules that a scaffold's projects can import: scaffolds/<orchestrator>/importable.txt.

The package of a project must not have one of these names, because one module would hide the other.
`make locks` writes the lists from the environments of the tests, where the locks are installed.
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
_SYS_MODULES_LOOKUP = re.compile(rb"""sys\.modules(?:\.get\(|\[)\s*["']([a-z]\w*)["']""")


def render_list(environment: Path, locks: Path) -> str:
    """Return the text of a scaffold's list.

    `environment` is a .venv with the locked packages, `locks` the folder of the locks.
    """
    return "\n".join([*_HEAD, *sorted(find_modules(environment, locks))]) + "\n"


def find_modules(environment: Path, locks: Path) -> set[str]:
    """Find the names of the top-level modules of all locked packages.

    Includes modules that a locked package looks up in sys.modules without importing them: for
    example, scikit-learn treats any module named `pandas` as pandas.
    """
    (site,) = environment.glob("lib/python3*/site-packages")
    ignored = {NAME, *TOOLS}
    installed = {
        name: distribution
        for distribution in distributions(path=[str(site)])
        if (name := canonicalize_name(distribution.name)) not in ignored
    }
    modules = {module for dist in installed.values() for module in _list_modules(dist)}
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
            yield from (name.decode() for name in _SYS_MODULES_LOOKUP.findall(source))


def _list_locked(locks: Path) -> set[str]:
    texts = [lock.read_text(encoding="utf-8") for lock in locks.glob("*.lock")]
    return {name for text in texts for name in re.findall(r"^([\w.-]+)==", text, re.M)}


def _guess_module(distribution: str) -> str:
    """Guess the module of a distribution that is not installed in the environment of the tests.

    These are packages for CUDA, whose namespace is the first word of their names, and a few for
    other systems and older Pythons, which have the names of their modules.
    """
    first, _, _ = distribution.partition("-")
    return first if first in ("cuda", "nvidia") else distribution.replace("-", "_")
