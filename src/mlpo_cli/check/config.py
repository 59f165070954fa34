"""The configuration of `mlpo check`: `[tool.mlpo.check]` in pyproject.toml."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mlpo_cli.check.catalog import list_rules, matches
from mlpo_cli.check.model import SEVERITIES, Finding, Severity
from mlpo_cli.check.parse import OLDEST, RUNNING
from mlpo_cli.check.repair import Version
from mlpo_cli.errors import Problem
from mlpo_cli.suggest import suggest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = "tool.mlpo.check"
FILE = "pyproject.toml"
KEYS = ("select", "ignore", "exclude", "severity", "per-file-ignores", "target-version", "baseline")
_VERSION = re.compile(r"3\.(\d{1,2})")


@dataclass(frozen=True)
class Config:
    """What is checked and reported. `folder` is that of the configuration: globs start there."""

    folder: Path
    select: tuple[str, ...] = ("MLP",)
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    severity: Severity = Severity.WARNING
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    target: Version = RUNNING
    baseline: str | None = None

    def excludes(self, file: Path) -> bool:
        """Whether a file or folder is not checked when its folder is."""
        return any(_matches_path(file, self.folder, glob) for glob in self.exclude)

    def selects(self, finding: Finding, file: Path) -> bool:
        """Whether the rule of a finding is switched on for its file."""
        globs = (glob for glob in self.per_file_ignores if _matches_path(file, self.folder, glob))
        ignored = (self.ignore, *(self.per_file_ignores[glob] for glob in globs))
        is_ignored = any(matches(finding.rule, ids) for ids in ignored)
        return matches(finding.rule, self.select) and not is_ignored


def _matches_path(file: Path, folder: Path, glob: str) -> bool:
    """Whether a glob means a path: below the folder, or by its name anywhere below it."""
    try:
        path = file.relative_to(folder).as_posix()
    except ValueError:
        return False
    parts = path.split("/")
    glob = glob.rstrip("/")
    starts = ("/".join(parts[: count + 1]) for count in range(len(parts)))
    if "/" in glob:
        return any(fnmatchcase(start, glob) for start in starts)
    return any(fnmatchcase(part, glob) for part in parts)


def read_config(text: str, file: Path) -> tuple[Config | None, list[Problem]]:
    """Read the text of a pyproject.toml. Returns the configuration and all problems in it.

    The configuration is None if the file has no such table.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return None, [Problem(str(file), f"not valid TOML: {error}", "correct the syntax there")]
    table: Any = document
    for key in TABLE.split("."):
        table = table.get(key) if isinstance(table, dict) else None
    reader = _Reader(text, file)
    if table is None:
        return None, []
    if not isinstance(table, dict):
        return None, [Problem(str(file), f"{TABLE} is no table", f"write [{TABLE}] above its keys")]
    project = document.get("project")
    requires = project.get("requires-python") if isinstance(project, dict) else None
    return reader.read(table, requires), reader.problems


def find_target(requires: object) -> Version:
    """Return the oldest Python that `requires-python` allows; this one if it does not say."""
    match = re.search(r">=?\s*3\.(\d{1,2})", requires) if isinstance(requires, str) else None
    return max(OLDEST, (3, int(match[1]))) if match else RUNNING


def read_requirement(text: str) -> Version:
    """Return the oldest Python that a pyproject.toml allows; this one if it does not say."""
    try:
        project = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError):
        return RUNNING
    return find_target(project.get("requires-python") if isinstance(project, dict) else None)


def check_selectors(selectors: Iterable[str], where: str) -> Iterator[Problem]:
    """Yield a problem for each selector that no rule matches."""
    ids = [rule.id for rule in list_rules()]
    for selector in selectors:
        if not any(matches(id, [selector]) for id in ids) or not selector:
            hint = suggest(selector.upper(), ids)
            fix = f"{hint} mlpo check --list shows the rules" if len(hint) < 40 else hint
            yield Problem(where, f"no rule is or begins with {selector!r}", fix)


class _Reader:
    """Reads the table, and collects what is wrong with it."""

    def __init__(self, text: str, file: Path) -> None:
        self.lines = text.splitlines()
        self.file = file
        self.problems: list[Problem] = []

    def read(self, table: dict[str, Any], requires: object) -> Config:
        for key in table:
            if key not in KEYS:
                self._refuse(key, f"there is no key {key}", suggest(key, KEYS, list_all=True))
        return Config(
            self.file.parent,
            self._read_selectors(table, "select") or ("MLP",),
            self._read_selectors(table, "ignore"),
            self._read_list(table, "exclude"),
            self._read_severity(table),
            self._read_per_file(table),
            self._read_target(table, requires),
            self._read_text(table, "baseline"),
        )

    def _refuse(self, key: str, what: str, fix: str) -> None:
        self.problems.append(Problem(self._locate(key), what, fix))

    def _locate(self, key: str) -> str:
        """Return `file:line` of a key, or of the table."""
        header = re.compile(rf"\s*\[\s*{re.escape(TABLE)}(?:\.[\w-]+)?\s*\]")
        start = next((i for i, line in enumerate(self.lines) if header.match(line)), 0)
        wanted = re.compile(rf"""\s*(?:\[.*\.)?["']?{re.escape(key)}["']?\s*[=\]]""")
        numbers = (i for i in range(start, len(self.lines)) if wanted.match(self.lines[i]))
        return f"{self.file}:{next(numbers, start) + 1}"

    def _read_list(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self._refuse(key, f"{key} is no list of texts", f'write {key} = ["..."]')
        return ()

    def _read_selectors(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        selectors = self._read_list(table, key)
        self.problems += check_selectors(selectors, self._locate(key))
        return selectors

    def _read_per_file(self, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        inner = table.get("per-file-ignores", {})
        if isinstance(inner, dict):
            return {glob: self._read_selectors(inner, glob) for glob in inner}
        fix = f'write [{TABLE}.per-file-ignores] above "GLOB" = ["MLP405"]'
        self._refuse("per-file-ignores", "per-file-ignores is no table", fix)
        return {}

    def _read_severity(self, table: Mapping[str, Any]) -> Severity:
        value = table.get("severity", "warning")
        if isinstance(value, str) and value in SEVERITIES:
            return SEVERITIES[value]
        hint = suggest(value, SEVERITIES, list_all=True)
        self._refuse("severity", f"severity cannot be {value!r}", hint)
        return Severity.WARNING

    def _read_target(self, table: Mapping[str, Any], requires: object) -> Version:
        value = table.get("target-version")
        if value is None:
            return find_target(requires)
        match = _VERSION.fullmatch(value) if isinstance(value, str) else None
        if match and (3, int(match[1])) >= OLDEST:
            return 3, int(match[1])
        fix = f'write it as "3.11"; the oldest is "3.{OLDEST[1]}"'
        self._refuse("target-version", f"target-version cannot be {value!r}", fix)
        return RUNNING

    def _read_text(self, table: Mapping[str, Any], key: str) -> str | None:
        value = table.get(key)
        if value is None or isinstance(value, str):
            return value
        self._refuse(key, f"{key} is no text", f'write {key} = "FILE"')
        return None
