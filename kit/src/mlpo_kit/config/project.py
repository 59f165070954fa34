"""Find the current project by the `[tool.mlpo]` section of its pyproject.toml."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from mlpo_kit.errors import PipelineError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

PROJECT_VARIABLE = "MLPO_KIT_PROJECT"  # the project's folder; replaces the working folder
SOURCE_VARIABLE = "MLPO_KIT_SOURCE"  # the copy of the sources that this process works from


@dataclass(frozen=True)
class Project:
    """A project: its folder, its package under src/, and its orchestrator."""

    root: Path
    package: str
    orchestrator: str = ""
    copy: Path | None = None  # of the sources, as they were when the run started

    @property
    def source(self) -> Path:
        """The folder that src/, pipeline/, configs/ and pyproject.toml are read from.

        In the processes of a run it is a copy. Everything else is always in `root`.
        """
        return self.copy or self.root

    @property
    def configs(self) -> Path:
        """The folder that holds the profiles."""
        return self.source / "configs"

    def name_files(self, text: str) -> str:
        """Return a text, such as a path or a message, with the user's files for those of a copy."""
        return text if self.copy is None else text.replace(f"{self.copy}/", f"{self.root}/")

    def import_module(self, name: str) -> Any:
        """Import a module of the project's package, such as `settings`.

        Raises PipelineError if the package or the module does not exist.
        """
        full_name = f"{self.package}.{name}"
        try:
            return import_module(full_name)
        except ModuleNotFoundError as error:
            if error.name not in (self.package, full_name):
                raise
            raise PipelineError(
                f"{self.root / 'pyproject.toml'} names the package {self.package!r} "
                f"([tool.mlpo] package), but there is no module {error.name}: correct the name, "
                "or install the project with `make setup`"
            ) from None

    def load(self, module: str, name: str) -> Any:
        """Load an attribute, such as PIPELINE, from a module of the project's package.

        Raises PipelineError if the module or the attribute does not exist.
        """
        imported = self.import_module(module)
        try:
            return getattr(imported, name)
        except AttributeError:
            file = getattr(imported, "__file__", None)
            place = self.name_files(file) if file else f"{self.package}.{module}"
            raise PipelineError(f"{place} has no {name}: define it there") from None


def find_project() -> Project:
    """Find the project that contains the working folder, or the folder in MLPO_KIT_PROJECT.

    Raises PipelineError if there is no project or its `[tool.mlpo]` section is incomplete.
    """
    project = _find(Path(os.environ.get(PROJECT_VARIABLE) or Path.cwd()).resolve())
    copy = os.environ.get(SOURCE_VARIABLE)
    return _use_copy(project, Path(copy)) if copy else project


def read_requirements() -> tuple[str, ...]:
    """Read the project's requirements: `[project] dependencies` of its pyproject.toml."""
    document = _read_toml(find_project().source / "pyproject.toml")
    return tuple(document.get("project", {}).get("dependencies", ()))


def read_group(name: str) -> tuple[str, ...]:
    """Read a group of requirements: `[dependency-groups]` of pyproject.toml, with those in it."""
    groups = _read_toml(find_project().source / "pyproject.toml").get("dependency-groups", {})
    requirements: list[str] = []
    waiting = [name]
    for group in waiting:  # grows by the groups that are included
        for item in groups.get(group, ()):
            if isinstance(item, str):
                requirements.append(item)
            elif (included := item.get("include-group")) not in (None, *waiting):
                waiting.append(included)
    return tuple(requirements)


@cache
def _find(start: Path) -> Project:
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file() and (table := _read_table(path)) is not None:
            if not isinstance(package := table.get("package"), str):
                raise PipelineError(f'{path}: [tool.mlpo] needs a line such as package = "pets"')
            return Project(folder, package, str(table.get("orchestrator", "")))
    raise PipelineError(
        f"there is no project in {start} or above: no pyproject.toml there has a section "
        f"[tool.mlpo]. Change into the project, or set {PROJECT_VARIABLE} to its folder"
    )


@cache
def _use_copy(project: Project, copy: Path) -> Project:
    """Return the project with its sources, and what they say of it, from a copy."""
    if not (copy / "pyproject.toml").is_file():
        raise PipelineError(
            f"{SOURCE_VARIABLE} names {copy}, which holds no copy of the sources: unset it"
        )
    return replace(_find(copy), root=project.root, copy=copy)


def _read_table(path: Path) -> dict[str, Any] | None:
    """Read the section [tool.mlpo] of a pyproject.toml; None if it has none."""
    table: dict[str, Any] | None = _read_toml(path).get("tool", {}).get("mlpo")
    return table


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PipelineError(f"{path} is not valid TOML: {error}") from None
    return document
