"""List the files to check below some paths, and find the configuration of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mlpo_cli.check.config import FILE, Config, read_config, read_requirement
from mlpo_cli.check.source import find_kind
from mlpo_cli.errors import Problem, UserError

# Folders that hold nobody's own code. Hidden ones are left out too.
LEFT_OUT = frozenset({
    "__pycache__", "build", "dist", "node_modules", "site-packages", "venv", "wheels",
})  # fmt: skip
NOT_IN_FOLDERS = (".json",)  # checked only where they are named: data is mostly in such files


class Configs:
    """Finds the configuration of a folder: that of the nearest pyproject.toml with the table.

    `overlay` replaces values of all of them, such as those of options.
    """

    def __init__(self, overlay: dict[str, object]) -> None:
        self.overlay = overlay
        self.found: dict[Path, Config] = {}
        self.problems: list[Problem] = []

    def find(self, folder: Path) -> Config:
        """Return the configuration for the files of a folder."""
        if folder not in self.found:
            self.found[folder] = self._find(folder)
        return self.found[folder]

    def _find(self, folder: Path) -> Config:
        text = _read_text(folder / FILE)
        config = None
        if text is not None:
            config, problems = read_config(text, folder / FILE)
            self.problems += problems
        if config is not None:
            return replace(config, **self.overlay)  # type: ignore[arg-type]
        if folder.parent == folder:
            return replace(Config(folder), **self.overlay)  # type: ignore[arg-type]
        around = self.find(folder.parent)
        return around if text is None else replace(around, target=read_requirement(text))


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def list_files(paths: Sequence[str], configs: Configs) -> list[Path]:
    """Return the absolute paths of all files to check, each once, in order.

    A file that is named is checked whatever `exclude` says. Raises UserError for paths that do not
    exist and for files that hold nothing to check.
    """
    files: dict[Path, None] = {}
    problems: list[Problem] = []
    for path in paths or ["."]:
        # Not resolved: what a link leads to is shown under the name of the link.
        absolute = Path(os.path.abspath(path))
        if absolute.is_dir():
            files.update(dict.fromkeys(_walk(absolute, configs)))
        elif not absolute.is_file():
            problems.append(Problem(path, "there is no such file or folder", "check its name"))
        elif find_kind(path) is None:
            fix = "name a .py, .ipynb, .yaml or .json file"
            problems.append(Problem(path, "it is no file of Python, YAML or a notebook", fix))
        else:
            files[absolute] = None
    if problems:
        raise UserError("these paths cannot be checked", "", problems)
    return list(files)


def _walk(top: Path, configs: Configs) -> Iterator[Path]:
    for name, folders, files in os.walk(top):
        here = Path(name)
        config = configs.find(here)
        folders[:] = sorted(
            folder
            for folder in folders
            if folder not in LEFT_OUT
            and not folder.startswith(".")
            and not config.excludes(here / folder)
            and not (here / folder / "pyvenv.cfg").exists()
        )
        for file in sorted(files):
            path = here / file
            is_wanted = find_kind(file) is not None and not file.endswith(NOT_IN_FOLDERS)
            if is_wanted and not config.excludes(path) and path.is_file():
                yield path


def name_file(path: Path) -> str:
    """Return a file as it is shown: from the working folder, if it is below that."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
