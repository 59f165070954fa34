"""The project's settings: what each may be, and why something else is refused."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlpo_cli.answers import stdlib
from mlpo_cli.answers.kinds import Choice, Kind, Taken, Text
from mlpo_cli.errors import Problem

DATA_SOURCES = ("digits", "images", "table")
CI_PROVIDERS = ("github", "none")
DEFAULTS = {"data_source": DATA_SOURCES[0], "ci": CI_PROVIDERS[0]}
HELP = {
    "name": "The project, and its directory.",
    "orchestrator": "Instead of the recommendation; null takes the recommendation.",
    "package": "The Python package under src/; derived from the name if left out.",
    "data_source": "Built-in digits, a folder of pictures per class, or a .parquet or .npz file.",
    "ci": "With or without a GitHub workflow.",
}
KEYS = ("name", "orchestrator", "package", "data_source", "ci")

Refusal = tuple[str, str]
"""What is wrong with a value, and what would be right."""

_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{device}{n}" for device in ("com", "lpt") for n in range(10)}
)
# Imported by the generated project, or a directory of it: a package of that name would hide them.
_TAKEN = frozenset({
    "alembic", "boto3", "botocore", "click", "cluster", "configs", "conftest", "copier", "dateutil",
    "deploy", "docker", "docs", "fake_api", "fake_cluster", "fake_http", "fake_kubernetes",
    "fastapi", "filelock", "flow", "flowrun", "good_manifests", "google", "inprocess", "install",
    "jinja2", "joblib", "jsonschema", "kfp", "kfp_kubernetes", "kfp_server_api", "killing", "kit",
    "kubernetes", "kubernetes_validate", "launch", "lock", "manifests", "matplotlib", "metaflow",
    "mlflow", "mlpo_kit", "nodes", "numpy", "offline", "onnx", "pandas", "pip", "pipeline",
    "placement", "polars", "progress", "prune", "pyarrow", "pydantic", "pydantic_settings",
    "pytest", "referencing", "requests", "ruff", "s3fs", "safetensors", "scipy", "scripts",
    "setuptools", "sklearn", "sqlalchemy", "src", "stacks", "stages", "starlette", "straight",
    "submitting", "sweep", "test", "test_flow", "test_run", "tests", "torch", "torchvision", "tqdm",
    "uvicorn", "vendor", "wheel", "yaml", "zenml", "zenrun",
})  # fmt: skip

_NAME = Text(
    r"(?!.*\.\.)[A-Za-z](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?",
    "start with a letter, end with a letter or digit; between them letters, digits, "
    "'-', '_' and single dots; 64 characters at most",
    [Taken(_WINDOWS_DEVICES, "is a reserved device name on Windows", stem=True)],
)
_PACKAGE = Text(
    # Generated import lines hold it: longer names would not fit the project's line length.
    r"[a-z][a-z0-9_]{0,39}",
    "start with a lower case letter; then lower case letters, digits and '_'; "
    "40 characters at most",
    [
        Taken(frozenset(keyword.kwlist), "is a Python keyword"),
        Taken(stdlib.NAMES, "would hide the module of that name in Python's standard library"),
        Taken(_TAKEN, "would hide a package or folder that the project itself uses"),
    ],
)
_SPOKEN = {"name": "name", "package": "package name"}


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
    kind = kinds(orchestrators)[key]
    if kind.accepts(value):
        return None
    if not isinstance(value, str):
        return "it must be text", "put it in quotes"
    if isinstance(kind, Text):
        if not kind.has_form(value):
            return f"{shown(value)} will not do as a {key}", kind.rule
        says = next(taken.says for taken in kind.taken if taken.covers(value))
        return f"{value!r} {says}", f"choose another {_SPOKEN[key]}"
    return f"{shown(value)} is not known", f"use one of: {', '.join(_words(kind))}"


def kinds(orchestrators: Sequence[str]) -> dict[str, Kind]:
    """What each setting may be."""
    return {
        "name": _NAME,
        "orchestrator": Choice(dict.fromkeys(orchestrators, "")),
        "package": _PACKAGE,
        "data_source": Choice(dict.fromkeys(DATA_SOURCES, "")),
        "ci": Choice(dict.fromkeys(CI_PROVIDERS, "")),
    }


def _words(kind: Kind) -> list[str]:
    return list(kind.texts) if isinstance(kind, Choice) else []


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
    merged = {**DEFAULTS, **file, **options}
    problems: list[Problem] = []
    if "name" not in merged:
        fix = "mlpo new NAME, or `project: {name: ...}` in the answers"
        problems.append(Problem("", "the project has no name", fix))
    elif "package" not in merged:
        merged["package"] = derive_package(merged["name"])
        if refusal := check("package", merged["package"], ()):
            what = f"no package name follows from the name: {refusal[0]}"
            problems.append(Problem("", what, "pass --package, or set project.package"))
    return merged, problems
