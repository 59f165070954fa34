"""Names that a project's package may not have, because something in the project is named so."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

LIST = "importable.txt"


@cache
def load_project_names() -> frozenset[str]:
    """Return what can be imported in a project of any scaffold, and the project's own folders.

    A package of that name would hide it, or would be hidden. The modules of the locked packages are
    in the scaffolds' lists, which `make locks` writes.
    """
    from mlpo_cli.resources import scaffolds_dir

    scaffolds = scaffolds_dir()
    names = {name for path in scaffolds.glob(f"*/{LIST}") for name in _read_list(path)}
    for folder in scaffolds.iterdir():
        names.update(_find_own_names(folder))
    return frozenset(names)


def _read_list(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def _find_own_names(scaffold: Path) -> Iterator[str]:
    """Yield the folders of a scaffold's projects, and the modules that are outside of src/."""
    for path in scaffold.rglob("*"):
        top, *rest = path.relative_to(scaffold).parts
        if rest:
            yield top
        module = path.name.removesuffix(".jinja")
        if top != "src" and module.endswith(".py"):
            yield module.removesuffix(".py")
