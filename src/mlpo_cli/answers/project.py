"""The table of the project's settings. A setting is declared here, and nowhere else.

Derived from it: the options of `mlpo new`, the environment variables, `--set`, the answers document
and its JSON Schema, shell completion, the values that the templates see, and the documentation.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from mlpo_cli.answers import stdlib
from mlpo_cli.answers.kinds import Choice, Kind, Refusal, Reserved, Text
from mlpo_cli.answers.reserved import load_project_names
from mlpo_cli.errors import Problem

_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{device}{n}" for device in ("com", "lpt") for n in range(10)}
)
_NAME = Text(
    r"(?!.*\.\.)[A-Za-z](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?",
    "start with a letter, end with a letter or digit; between them letters, digits, "
    "'-', '_' and single dots; 64 characters at most",
    [Reserved("is a reserved device name on Windows", lambda: _WINDOWS_DEVICES, any_suffix=True)],
)
_PACKAGE = Text(
    # It is in import lines of the project: a longer name would not fit the project's line length.
    r"[a-z][a-z0-9_]{0,39}",
    "start with a lower case letter; then lower case letters, digits and '_'; "
    "40 characters at most",
    [
        Reserved("is a Python keyword", lambda: frozenset(keyword.kwlist)),
        Reserved("is the name of a module in Python's standard library", lambda: stdlib.NAMES),
        Reserved("is the name of a package or folder that the project uses", load_project_names),
    ],
)
_LEAP = "(?:19|20)(?:0[48]|[2468][048]|[13579][26])|2000"
_DAY = Text(
    # The days that exist from 1900 to 2099, so that the schema accepts what mlpo accepts.
    r"(?:19|20)[0-9]{2}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    rf"|(?:{_LEAP})-02-29",
    "a day as year-month-day, such as 2026-11-29",
)
_ORCHESTRATORS = Choice({})
"""Stands for those that there are rules or scaffolds for: `list_settings` is given their names."""


def _declare(kind: Kind, help: str) -> dict[str, Any]:
    return {"kind": kind, "help": help}


@dataclass(frozen=True)
class ProjectSettings:
    """The table, and what `mlpo new` needs to generate a project: a value for each setting.

    The choices of a setting are in the order of what they add to a project, the least first.
    """

    name: str = field(metadata=_declare(_NAME, "The name of the project and of its folder."))
    package: str = field(
        metadata=_declare(
            _PACKAGE, "The Python package under src/; derived from the name if left out."
        )
    )
    orchestrator: str = field(
        metadata=_declare(
            _ORCHESTRATORS, "The orchestrator to use; the recommended one if left out."
        )
    )
    data_source: str = field(
        default="digits",
        metadata=_declare(
            Choice({
                "digits": "Built-in pictures of digits",
                "table": "A .parquet or .npz file",
                "images": "A folder with one folder of pictures per class",
            }),
            "Where the data comes from.",
        ),
    )  # fmt: skip
    ci: str = field(
        default="github",
        metadata=_declare(
            Choice({"none": "No workflow", "github": "A workflow for GitHub Actions"}),
            "Continuous integration.",
        ),
    )
    decided_on: str | None = field(
        default=None,
        metadata=_declare(
            _DAY,
            "The day of the decision for the orchestrator, which dates the decision record; an "
            "interview fills in today. Left out: the record has the date of the rules.",
        ),
    )


class Setting(NamedTuple):
    """One line of the table. `default` is None where there is no default."""

    key: str
    kind: Kind
    help: str
    default: str | None

    @property
    def option(self) -> str:
        """What sets it on the command line of `mlpo new`: an option, or the argument NAME."""
        return "NAME" if self.key == "name" else f"--{self.key.replace('_', '-')}"


def list_settings(orchestrators: Sequence[str] = ()) -> tuple[Setting, ...]:
    """Return the lines of the table; `orchestrators` are the choices of that setting."""
    settings = []
    for line in fields(ProjectSettings):
        kind = line.metadata["kind"]
        if kind is _ORCHESTRATORS:
            kind = Choice(dict.fromkeys(orchestrators, ""))
        default = line.default if isinstance(line.default, str) else None
        settings.append(Setting(line.name, kind, line.metadata["help"], default))
    return tuple(settings)


DEFAULTS = {setting.key: setting.default for setting in list_settings() if setting.default}


def check(key: str, value: object, orchestrators: Sequence[str] = ()) -> Refusal | None:
    """Say why a setting cannot have this value; None if the value is valid."""
    (kind,) = (line.kind for line in list_settings(orchestrators) if line.key == key)
    return kind.refuse(value, key)


def derive_package(name: str) -> str:
    """Return the package name that goes with a project name: `my_project` for `My-Project`."""
    return re.sub(r"[-. ]", "_", name.lower())


def complete_settings(given: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Add the defaults and the derived package to valid settings. Returns them and what is missing.

    The orchestrator stays left out where it is not given.
    """
    complete = {**DEFAULTS, **given}
    problems: list[Problem] = []
    if "name" not in complete:
        fix = "mlpo new NAME, or `project: {name: ...}` in the answers"
        problems.append(Problem("", "the project has no name", fix))
    elif "package" not in complete:
        complete["package"] = derive_package(complete["name"])
        if refusal := check("package", complete["package"]):
            what = f"the name gives no valid package name: {refusal[0]}"
            problems.append(Problem("", what, "pass --package, or set project.package"))
    return complete, problems
