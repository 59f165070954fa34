"""What a stage's result depends on: code, settings, inputs, packages."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sysconfig
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from mlpo_kit import STARTED
from mlpo_kit.caching.source import find_package_folder, find_reachable, hash_code
from mlpo_kit.config.project import find_project
from mlpo_kit.store.base import Ref
from mlpo_kit.store.files import hash_file

IMAGE = "MLPO_KIT_IMAGE"  # names the container image, where there is one
# Neither can change what a stage does.
TOOLS = {"pip", "uv", "wheel"}

Parts = dict[str, str]


def collect_parts(module: str, section: object, inputs: Mapping[str, Any]) -> Parts:
    """Collect all that the result of the stage in `module` depends on, by name.

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
    for name, path in find_reachable(module).items():
        parts[f"code:{name}"] = hash_code(path)
    package = find_package_folder()
    for path in _list_data_files(package):
        parts[f"file:{path.relative_to(package).as_posix()}"] = hash_file(path)
    for name, version in list_distributions().items():
        parts[f"package:{name}"] = version
    return parts


def hash_parts(parts: Parts) -> str:
    """Hash parts to the cache key of what they make: SHA-256, in hex."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def was_edited(module: str) -> bool:
    """Whether code that the stage reaches is newer than this process, and so not what it runs."""
    return any(path.stat().st_mtime >= STARTED for path in find_reachable(module).values())


def hash_project_code() -> str:
    """Hash the code that a run is made of: SHA-256, in hex.

    The names and bytes of the Python files of the package and of pipeline/, and the kit's version.
    """
    root = find_project().root
    digest = hashlib.sha256(version("mlpo-kit").encode())
    for folder in (find_package_folder(), root / "pipeline"):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def flatten(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Nested settings as `train.model.width` and value."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}.{key}")
        else:
            yield f"{prefix}.{key}", value


def _list_data_files(package: Path) -> list[Path]:
    """List the files in the package that are not code: a stage may read them."""
    return sorted(
        path
        for path in package.rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc", ".ipynb")
        and not path.name.startswith(".")
    )


def list_distributions() -> dict[str, str]:
    """Versions of the installed packages that may run in a stage; local builds included.

    Development tools do not count, nor what is installed from a folder: that is code.
    """
    runtime, tools = _read_pins("requirements.lock", "requirements-cuda.lock"), TOOLS
    tools = tools | (_read_pins("requirements-dev.lock") - runtime)
    found: dict[str, str] = {}
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for info in Path(folder).glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            name = _normalize(name)
            if name not in tools and not _is_editable(info):
                found[name] = version
    return dict(sorted(found.items()))


def _is_editable(info: Path) -> bool:
    origin = info / "direct_url.json"
    return origin.exists() and '"editable"' in origin.read_text(encoding="utf-8")


def _read_pins(*locks: str) -> set[str]:
    """Read which packages lock files of the project name."""
    paths = [find_project().root / lock for lock in locks]
    texts = [path.read_text(encoding="utf-8") for path in paths if path.is_file()]
    return {_normalize(name) for text in texts for name in re.findall(r"^([\w.-]+)==", text, re.M)}


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
