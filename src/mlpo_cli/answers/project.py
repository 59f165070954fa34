"""The project's settings: what each may be, and why something else is refused."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlpo_cli.errors import Problem

DATA_SOURCES = ("digits", "images", "table")
CI_PROVIDERS = ("github", "none")
KEYS = ("name", "orchestrator", "package", "data_source", "ci")

Refusal = tuple[str, str]
"""What is wrong with a value, and what would be right."""

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
# Generated import lines hold it: longer names would not fit the project's line length.
_PACKAGE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{device}{n}" for device in ("com", "lpt") for n in range(10)}
)
# Imported by the generated project, or a directory of it: a package of that name would hide them.
_TAKEN = frozenset({
    "alembic", "boto3", "botocore", "click", "configs", "conftest", "copier", "deploy", "docs",
    "fastapi", "filelock", "flow", "google", "inprocess", "install", "jinja2", "joblib", "kfp",
    "kfp_kubernetes", "kit", "kubernetes", "lock", "matplotlib", "metaflow", "mlflow", "numpy",
    "onnx", "pandas", "pip", "pipeline", "placement", "polars", "progress", "pyarrow", "pydantic",
    "pydantic_settings", "pytest", "requests", "ruff", "safetensors", "scipy", "scripts",
    "setuptools", "sklearn", "sqlalchemy", "src", "stages", "starlette", "test", "tests", "torch",
    "torchvision", "tqdm", "uvicorn", "wheel", "yaml", "zenml",
})  # fmt: skip


@dataclass(frozen=True)
class ProjectSettings:
    """What `mlpo new` needs to generate a project. All of it is validated."""

    name: str
    package: str
    orchestrator: str
    data_source: str
    ci: str


def derive_package(name: str) -> str:
    """The package name that goes with a project name: `My-Project` gives `my_project`."""
    return re.sub(r"[-. ]", "_", name.lower())


def check(key: str, value: object, orchestrators: Sequence[str]) -> Refusal | None:
    """Why `value` will not do for the setting `key`, and what will; None if it will do.

    `orchestrators` are those that a project can be generated for.
    """
    if not isinstance(value, str):
        return "it must be text", "put it in quotes"
    if key == "name":
        return _check_name(value)
    if key == "package":
        return _check_package(value)
    choices = {"orchestrator": orchestrators, "data_source": DATA_SOURCES, "ci": CI_PROVIDERS}[key]
    if value in choices:
        return None
    return f"{shown(value)} is not known", f"use one of: {', '.join(choices)}"


def _check_name(name: str) -> Refusal | None:
    if not _NAME.fullmatch(name) or ".." in name:
        return f"{shown(name)} will not do as a name", (
            "start with a letter, end with a letter or digit; between them letters, digits, "
            "'-', '_' and single dots; 64 characters at most"
        )
    if name.partition(".")[0].lower() in _WINDOWS_DEVICES:
        return f"{name!r} is a reserved device name on Windows", "choose another name"
    return None


def _check_package(package: str) -> Refusal | None:
    if not _PACKAGE.fullmatch(package):
        return f"{shown(package)} will not do as a package", (
            "start with a lower case letter; then lower case letters, digits and '_'; "
            "40 characters at most"
        )
    if keyword.iskeyword(package):
        return f"{package!r} is a Python keyword", "choose another package name"
    if package in sys.stdlib_module_names:
        return f"{package!r} would hide the module of that name in Python's standard library", (
            "choose another package name"
        )
    if package in _TAKEN:
        return f"{package!r} would hide a package or folder that the project itself uses", (
            "choose another package name"
        )
    return None


def shown(value: object) -> str:
    """A hostile value, safe to print: escaped and cut."""
    words = {None: "null", True: "true", False: "false"}
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = words[value] if value is None or isinstance(value, bool) else ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def settle(
    file: Mapping[str, str], options: Mapping[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    """Merge valid settings: option over file over default. Returns them and what is missing.

    The orchestrator is left out where neither names one.
    """
    merged = {"data_source": DATA_SOURCES[0], "ci": CI_PROVIDERS[0], **file, **options}
    problems: list[Problem] = []
    if "name" not in merged:
        fix = "mlpo new NAME, or `project: {name: ...}` in the answers"
        problems.append(Problem("", "the project has no name", fix))
    elif "package" not in merged:
        merged["package"] = derive_package(merged["name"])
        if refusal := _check_package(merged["package"]):
            what = f"no package name follows from the name: {refusal[0]}"
            problems.append(Problem("", what, "pass --package, or set project.package"))
    return merged, problems
