"""What a stage's result depends on, and the key that is made of it.

One authority: the cache, the checkpoints and the plan ask here. DESIGN: any edit that can change a
result changes the key, and one that cannot does not.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from mlpo_kit import STARTED
from mlpo_kit.caching import behaviour
from mlpo_kit.caching.distributions import KIT, find_distributions, find_version
from mlpo_kit.caching.reach import Reach, find_package_folder, find_reachable
from mlpo_kit.caching.source import hash_code
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import drop_operational
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.store.base import Ref
from mlpo_kit.store.files import hash_file

IMAGE = "MLPO_KIT_IMAGE"  # names the container image, where there is one
BASE = "MLPO_KIT_BASE"  # names the image that it was built on, by digest

Parts = dict[str, str]


def collect_parts(
    module: str, section: object, inputs: Mapping[str, Any], settings: object = None
) -> Parts:
    """Collect all that the result of the stage in `module` depends on, by name.

    Functions among the inputs only watch, and do not count; nor do settings that are OPERATIONAL.
    Of all `settings` of the run the other stages' count where code of the project may read them.
    """
    parts = {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "image": _find_base()}
    for name, value in inputs.items():
        if isinstance(value, Ref):
            parts[f"input:{name}"] = value.sha256
        elif not callable(value):
            parts[f"input:{name}"] = json.dumps(to_jsonable_python(value), sort_keys=True)
    stage = module.rpartition(".")[2]
    for name, value in flatten(drop_operational(section), stage):
        parts[f"setting:{name}"] = json.dumps(value)
    package = find_package_folder()
    for path in _list_data_files(package):
        parts[f"file:{path.relative_to(package).as_posix()}"] = hash_file(path)
    reach, versions = find_dependencies(module)
    if reach.reads_run and is_dataclass(settings):
        common = {item.name for item in fields(BaseSettings)}
        names = sorted(item.name for item in fields(settings) if item.name not in common)
        others = {name: drop_operational(getattr(settings, name)) for name in names}
        for place, value in flatten(others, ""):
            parts[f"setting:{place[1:]}"] = json.dumps(value)
    for name, path in reach.files.items():
        parts[f"code:{name}"] = hash_code(path)
    for name in versions:
        parts[f"package:{name}"] = versions[name]
    if behaviour.is_kit_installed():
        for name in sorted(reach.parts):
            parts[f"kit:{name}"] = str(behaviour.PARTS[name].behaviour)
    return parts


def find_dependencies(module: str) -> tuple[Reach, dict[str, str]]:
    """Find what a stage's module can reach, and the installed versions among that, by name."""
    reach = find_reachable(module)
    packages = reach.packages.union(*(behaviour.PARTS[name].packages for name in reach.parts))
    found = find_distributions(packages, reach.is_open)
    links = [name.replace("-", "_") for name, it in found.items() if it.is_editable]
    if links:  # what an installed package requires is worked on in a folder: that is code
        reach = find_reachable(module, *links)
    return reach, {name: it.version for name, it in found.items() if not it.is_editable}


def hash_parts(parts: Parts) -> str:
    """Hash parts to the cache key of what they make: SHA-256, in hex."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def was_edited(module: str) -> bool:
    """Whether code that the stage reaches is newer than this process, and so not what it runs."""
    return any(path.stat().st_mtime >= STARTED for path in find_reachable(module).files.values())


def hash_project_code() -> str:
    """Hash the code that a run is made of: SHA-256, in hex.

    The names and bytes of the Python files of the package and of pipeline/, and the kit's version;
    of a kit that is no installed package the files, too.
    """
    root = find_project().root
    digest = hashlib.sha256(find_kit_version().encode())
    folders = [(root, find_package_folder()), (root, root / "pipeline")]
    if not behaviour.is_kit_installed():
        kit = behaviour.find_kit_folder()
        folders.append((kit.parent, kit))
    for top, folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"\0{path.relative_to(top).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def find_kit_version() -> str:
    """Find the version of the kit that this process runs; nothing where it was not installed."""
    return find_version(KIT)


def flatten(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """List nested settings as `train.model.width` and value."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}.{key}")
        else:
            yield f"{prefix}.{key}", value


def _find_base() -> str:
    """The image that this process's image was built on, by its digest; nothing outside of one.

    The image's own name is no part of a key: each edit makes another one.
    """
    image = os.environ.get(IMAGE, "")
    if not image:
        return ""
    base = os.environ.get(BASE, "")
    if not base:
        path = find_project().root / "deploy" / "base-image"
        base = path.read_text(encoding="utf-8").strip() if path.is_file() else image
    return base.rpartition("@")[2]


def _list_data_files(package: Path) -> list[Path]:
    """List the files in the package that are not code: a stage may read them.

    Notebooks are none, nor what editors and tools leave behind.
    """
    found = []
    for path in sorted(package.rglob("*")):
        words = path.relative_to(package).parts
        is_hidden = any(word.startswith(".") or word == "__pycache__" for word in words)
        is_code = path.suffix in (".py", ".pyc", ".ipynb") or path.name.endswith("~")
        if not is_hidden and not is_code and path.is_file():
            found.append(path)
    return found
