"""Find what a stage can reach by its imports: project modules, parts of the kit, packages.

Every module that was not installed as a package with a version counts as a project module; this
includes other folders and editable installs. Imports inside functions and imports by name count. If
a name is only known at run time, all modules of the importing package and all requirements of the
project count.
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

_FILES = ("/__init__.py", ".py", *EXTENSION_SUFFIXES)  # possible endings of a module's path


@dataclass
class Reach:
    """What a module can reach: project files by module, top-level packages, parts of the kit."""

    files: dict[str, Path] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)
    is_open: bool = False  # a module is imported by a name that is only known at run time
    reads_run: bool = False  # the settings of other stages may be read


def find_package_folder() -> Path:
    """Find the folder of the project's package."""
    project = find_project()
    return project.source / "src" / project.package


def find_reachable(*modules: str) -> Reach:
    """Find everything that importing the modules and running their code may load."""
    reach = Reach()
    by_source = {} if behaviour.is_kit_installed() else behaviour.group_modules()
    seen: set[str] = set()
    waiting = [*modules, f"{behaviour.KIT}.execution.runner"]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        files: dict[str, Path] = {}
        if name.partition(".")[0] == behaviour.KIT:
            if (parts := behaviour.find_parts(name)) is not None:
                for part in parts - reach.parts:
                    files |= by_source.get(part, {})
                    reach.parts.add(part)
            elif by_source:  # a module that the user added to the ejected kit
                files = _find_files(name, [behaviour.find_kit_folder()])
        else:
            folders, is_installed = _locate(name.partition(".")[0])
            if is_installed:
                reach.packages.add(name.partition(".")[0])
            files = _find_files(name, folders)
        for module, path in files.items():
            if module not in reach.files:
                reach.files[module] = path
                waiting += _list_imports(module, path, reach)
    reach.files = dict(sorted(reach.files.items()))
    return reach


def _list_imports(module: str, path: Path, reach: Reach) -> Iterator[str]:
    """List the full names that a module may import; some are attributes rather than modules."""
    source = read_source(path)
    top = module.partition(".")[0]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for name in source.imports:
        words = name.lstrip(".")
        level = len(name) - len(words)
        up = package.split(".")[: len(package.split(".")) - level + 1] if level else []
        yield ".".join([*up, words])
    for name in source.named:  # Project.import_module takes names relative to the package
        if name.partition(".")[0] == top or "." not in name:
            yield name
        yield f"{top}.{name}"
    reach.reads_run |= source.reads_run and top != behaviour.KIT
    if source.is_open and top != behaviour.KIT:
        reach.is_open = True
        yield f"{top}.*"


def _find_files(name: str, folders: Iterable[Path]) -> dict[str, Path]:
    """Find the files of a module and its parent packages; `x.*` stands for all modules in x."""
    top, *rest = name.split(".")
    files: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            files[top] = folder  # a module that is a single file
            continue
        for end in range(len(rest) + 1):
            part = rest[:end]
            if part[-1:] == ["*"]:
                files |= _list_modules(top, folder, part[:-1])
            elif path := _find_file(folder.joinpath(*part), is_top=not part):
                files[".".join((top, *part))] = path
    return files


def _find_file(stem: Path, is_top: bool) -> Path | None:
    """Find the file of a module by its path without the ending; None if there is none."""
    for ending in _FILES[:1] if is_top else _FILES:
        if (path := Path(f"{stem}{ending}")).is_file():
            return path
    return None


def _list_modules(top: str, folder: Path, subpackage: list[str]) -> dict[str, Path]:
    """List all modules, by full name, in a package or in one of its subpackages."""
    files: dict[str, Path] = {}
    for path in sorted(folder.joinpath(*subpackage).rglob("*.py")):
        words = path.relative_to(folder).with_suffix("").parts
        if not any(word.startswith(".") for word in words):
            files[".".join((top, *words)).removesuffix(".__init__")] = path
    return files


def _locate(top: str) -> tuple[list[Path], bool]:
    """Locate the sources of a top-level module that is not, or not only, an installed package.

    Returns the folders of a package or the file of a module, and whether any of it is installed.
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
