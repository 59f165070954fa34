"""What a stage can reach by its imports: modules of the project, parts of the kit, packages.

Of the project is every module that was not installed as a package with a version, those of other
folders and editable installs too. Imports in functions count, and those by name; where a name is
known to a run only, all modules of the importing package count, and all that the project asks for.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from mlpo_kit.caching import behaviour
from mlpo_kit.caching.source import read_source
from mlpo_kit.config.project import find_project

_FILES = ("/__init__.py", ".py", *EXTENSION_SUFFIXES)  # of a module, by its path


@dataclass
class Reach:
    """What a module can reach: files of the project by module, top-level packages, parts."""

    files: dict[str, Path] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)
    is_open: bool = False  # a name that only a run knows is imported
    reads_run: bool = False  # settings of other sections may be read


def find_package_folder() -> Path:
    """Find the folder of the project's package."""
    project = find_project()
    return project.root / "src" / project.package


def find_reachable(*modules: str) -> Reach:
    """Find what importing modules, and running what is in them, may load."""
    reach = Reach()
    by_source = {} if behaviour.is_kit_installed() else behaviour.group_modules()
    seen: set[str] = set()
    waiting = [*modules, f"{behaviour.KIT}.execution.runner"]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found: dict[str, Path] = {}
        if name.partition(".")[0] == behaviour.KIT:
            if (parts := behaviour.find_parts(name)) is not None:
                for part in parts - reach.parts:
                    found |= by_source.get(part, {})
                    reach.parts.add(part)
            elif by_source:  # a module that somebody added
                found = _find_files(name, [behaviour.find_kit_folder()])
        else:
            folders, is_installed = _locate(name.partition(".")[0])
            if is_installed:
                reach.packages.add(name.partition(".")[0])
            found = _find_files(name, folders)
        for module, path in found.items():
            if module not in reach.files:
                reach.files[module] = path
                waiting += _list_imports(module, path, reach)
    reach.files = dict(sorted(reach.files.items()))
    return reach


def _list_imports(module: str, path: Path, reach: Reach) -> Iterator[str]:
    """The full names of what a module may import; some are no modules but their content."""
    source = read_source(path)
    top = module.partition(".")[0]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for name in source.imports:
        words = name.lstrip(".")
        level = len(name) - len(words)
        up = package.split(".")[: len(package.split(".")) - level + 1] if level else []
        yield ".".join([*up, words])
    for name in source.named:  # of Project.import_module, too, which takes it from the package
        if name.partition(".")[0] == top or "." not in name:
            yield name
        yield f"{top}.{name}"
    reach.reads_run |= source.reads_run and top != behaviour.KIT
    if source.is_open and top != behaviour.KIT:
        reach.is_open = True
        yield f"{top}.*"


def _find_files(name: str, folders: Iterable[Path]) -> dict[str, Path]:
    """The files of a module and of the packages above it; `x.*` stands for all that is in x."""
    top, *rest = name.split(".")
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            found[top] = folder  # a module and no package
            continue
        for end in range(len(rest) + 1):
            part = rest[:end]
            if part[-1:] == ["*"]:
                found |= _list_modules(top, folder, part[:-1])
            elif path := _find_file(folder.joinpath(*part), is_top=not part):
                found[".".join((top, *part))] = path
    return found


def _find_file(place: Path, is_top: bool) -> Path | None:
    """The file of a module by its path without an ending; None where there is none."""
    for ending in _FILES[:1] if is_top else _FILES:
        if (path := Path(f"{place}{ending}")).is_file():
            return path
    return None


def _list_modules(top: str, folder: Path, below: list[str]) -> dict[str, Path]:
    """All modules in a package, or in one that is in it."""
    found: dict[str, Path] = {}
    for path in sorted(folder.joinpath(*below).rglob("*.py")):
        words = path.relative_to(folder).with_suffix("").parts
        if not any(word.startswith(".") for word in words):
            found[".".join((top, *words)).removesuffix(".__init__")] = path
    return found


def _locate(top: str) -> tuple[list[Path], bool]:
    """Where a top-level module's sources are, and whether it is, or is also, an installed one.

    The folders of a package, or the one file of a module.
    """
    own = find_package_folder()
    if top == own.name:
        return [own], False
    if top in sys.stdlib_module_names:
        return [], False
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return [], False
    if spec.submodule_search_locations is not None:
        places = [Path(place) for place in spec.submodule_search_locations]
    else:
        places = [Path(spec.origin)] if spec.has_location and spec.origin else []
    sources = [place for place in places if not behaviour.is_installed(place)]
    return sources, len(sources) < len(places)
