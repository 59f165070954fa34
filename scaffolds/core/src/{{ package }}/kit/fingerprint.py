"""What a stage's result depends on: code, settings, inputs, packages. Managed by mlpo."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from . import STARTED
from .source import OWN_FOLDER, code_of, reachable
from .store import Ref, file_digest

ROOT = Path(__file__).resolve().parents[3]
IMAGE = "PIPELINE_IMAGE"  # names the container image, digest included, where there is one
# Neither can change what a stage does.
TOOLS = {"pip", "uv", "wheel"}

Parts = dict[str, str]


def parts_of(module: str, section: object, inputs: Mapping[str, Any]) -> Parts:
    """All that the result of the stage in `module` depends on, by name.

    Functions among the inputs only watch, and do not count.
    """
    parts = {"python": platform.python_version(), "image": os.environ.get(IMAGE, "")}
    for name, value in inputs.items():
        if isinstance(value, Ref):
            parts[f"input:{name}"] = value.sha256
        elif not callable(value):
            parts[f"input:{name}"] = json.dumps(to_jsonable_python(value), sort_keys=True)
    stage = module.rpartition(".")[2]
    for name, value in flatten(to_jsonable_python(section), stage):
        parts[f"setting:{name}"] = json.dumps(value)
    for name, path in reachable(module).items():
        parts[f"code:{name}"] = code_of(path)
    for path in _data_files():
        parts[f"file:{path.relative_to(OWN_FOLDER).as_posix()}"] = file_digest(path)
    for name, version in installed().items():
        parts[f"package:{name}"] = version
    return parts


def key_of(parts: Parts) -> str:
    """The name of what these parts make: SHA-256, in hex."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def was_edited(module: str) -> bool:
    """Whether code that the stage reaches is newer than this process, and so not what it runs."""
    return any(path.stat().st_mtime >= STARTED for path in reachable(module).values())


def content_digest(path: Path) -> str:
    """SHA-256 over a file, or over the names and contents of all files in a folder, in hex."""
    if path.is_file():
        return file_digest(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path).as_posix()}\0{file_digest(file)}\n".encode())
    return digest.hexdigest()


def code_digest() -> str:
    """SHA-256 over the project package's Python files, names and bytes, in hex."""
    digest = hashlib.sha256()
    for path in sorted(OWN_FOLDER.rglob("*.py")):
        digest.update(path.relative_to(OWN_FOLDER).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def flatten(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Nested settings as `train.model.width` and value."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}.{key}")
        else:
            yield f"{prefix}.{key}", value


def _data_files() -> list[Path]:
    """Files in the package that are not code: a stage may read them. The kit's own do not count."""
    kit = Path(__file__).resolve().parent
    return sorted(
        path
        for path in OWN_FOLDER.rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc")
        and not path.name.startswith(".")
        and kit not in path.parents
    )


def installed() -> dict[str, str]:
    """Versions of the installed packages that may run in a stage; local builds included.

    Development tools do not count, nor what is installed from a folder: that is code.
    """
    runtime, tools = _pins("requirements.lock", "requirements-cuda.lock"), TOOLS
    tools = tools | (_pins("requirements-dev.lock") - runtime)
    found: dict[str, str] = {}
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for info in Path(folder).glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            name = _normal(name)
            if name not in tools and not _is_editable(info):
                found[name] = version
    return dict(sorted(found.items()))


def _is_editable(info: Path) -> bool:
    origin = info / "direct_url.json"
    return origin.exists() and '"editable"' in origin.read_text(encoding="utf-8")


def _pins(*locks: str) -> set[str]:
    """The packages that lock files name."""
    texts = [(ROOT / lock).read_text("utf-8") for lock in locks if (ROOT / lock).is_file()]
    return {_normal(name) for text in texts for name in re.findall(r"^([\w.-]+)==", text, re.M)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
