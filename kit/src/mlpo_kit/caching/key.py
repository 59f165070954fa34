"""Collect what a stage's result depends on, and hash it to the cache key.

The cache, the checkpoints and the plan all use this module. DESIGN: an edit changes the key if and
only if it can change the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
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
from mlpo_kit.config.documents import flatten
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import drop_operational
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.config.sources import list_sources
from mlpo_kit.store.base import Ref
from mlpo_kit.store.files import hash_file

IMAGE = "MLPO_KIT_IMAGE"  # the container image of this process, if any
BASE = "MLPO_KIT_BASE"  # the base image that it was built on, with digest

Parts = dict[str, str]


def collect_parts(
    module: str, section: object, inputs: Mapping[str, Any], settings: object = None
) -> Parts:
    """Collect everything that the result of the stage in `module` depends on, by name.

    Functions among the inputs (callbacks) and OPERATIONAL settings do not count. The settings of
    other stages count if the stage's code may read them through `settings` of the run.
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
        sections = {name: drop_operational(getattr(settings, name)) for name in names}
        for place, value in flatten(sections):
            parts[f"setting:{place}"] = json.dumps(value)
    for name, path in reach.files.items():
        parts[f"code:{name}"] = hash_code(path)
    for name in versions:
        parts[f"package:{name}"] = versions[name]
    if behaviour.is_kit_installed():
        for name in sorted(reach.parts):
            parts[f"kit:{name}"] = str(behaviour.PARTS[name].behaviour)
    return parts


def find_dependencies(module: str) -> tuple[Reach, dict[str, str]]:
    """Find what a stage's module can reach, and the versions of the installed packages in it."""
    reach = find_reachable(module)
    packages = reach.packages.union(*(behaviour.PARTS[name].packages for name in reach.parts))
    distributions = find_distributions(packages, reach.is_open)
    editable = [name.replace("-", "_") for name, d in distributions.items() if d.is_editable]
    if editable:  # an installed package requires an editable one: its sources count as code
        reach = find_reachable(module, *editable)
    return reach, {name: d.version for name, d in distributions.items() if not d.is_editable}


def hash_parts(parts: Parts) -> str:
    """Hash the parts of a result to its cache key: SHA-256, in hex."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def was_edited(module: str) -> bool:
    """Whether code that the stage can reach was edited after this process started."""
    return any(path.stat().st_mtime >= STARTED for path in find_reachable(module).files.values())


def hash_project_code() -> str:
    """Hash all code of a run: SHA-256, in hex.

    Covers the names and bytes of the Python files in the package and in pipeline/, and the kit's
    version; also the kit's files if it is not installed as a package.
    """
    source = find_project().source
    digest = hashlib.sha256(find_kit_version().encode())
    folders = [(source, find_package_folder()), (source, source / "pipeline")]
    if not behaviour.is_kit_installed():
        kit = behaviour.find_kit_folder()
        folders.append((kit.parent, kit))
    for top, folder in folders:
        for path in sorted(path for path in list_sources(folder) if path.suffix == ".py"):
            digest.update(f"\0{path.relative_to(top).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def find_kit_version() -> str:
    """Find the version of the kit that this process runs; empty if it is not installed."""
    return find_version(KIT)


def _find_base() -> str:
    """Find the digest of the base image of this process's container; empty outside containers.

    The container's own image does not count, because every edit gives another one.
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
    """List the files in the package that are not code, because a stage may read them."""
    files = list_sources(package)
    return sorted(path for path in files if path.suffix != ".py" and path.is_file())
