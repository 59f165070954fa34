"""What a run started from: its settings, its sources, git's state and the installed packages."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pydantic_core import to_jsonable_python

from mlpo_kit.config.project import find_project
from mlpo_kit.runs.copies import (
    CLEAN_VARIABLE,
    COMMIT_VARIABLE,
    SNAPSHOT_VARIABLE,
    locate_archive,
)
from mlpo_kit.runs.git import GitState, read_git_state
from mlpo_kit.runs.snapshot import locate_snapshot
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store.base import Store

SCHEMA_VERSION = 1
KIT = "mlpo-kit"


@dataclass(frozen=True)
class Start:
    """What a run started from. The time is seconds since the epoch."""

    run_id: str
    started: float
    orchestrator: str
    settings: dict[str, Any]  # all sections, as JSON values
    snapshot: str | None = None  # the SHA-256 of `snapshots/<SHA-256>.zip` in the store
    commit: str | None = None  # git's commit; None without git
    is_clean: bool | None = None  # whether the working tree had no changes; None without git
    packages: dict[str, str] = field(default_factory=dict)  # installed distributions: versions
    kit: str = ""  # the version of mlpo-kit; empty if it is not installed
    schema_version: int = SCHEMA_VERSION


def locate_start(run_id: str) -> str:
    """Return the key of the file that holds what a run started from."""
    return f"runs/{run_id}/run.json"


def write_start(run: Run) -> None:
    """Record what a run starts from, and store its snapshot unless the store has it.

    Call it under the store's guard: a prune then sees that this run needs the snapshot.
    """
    git, packages = _recall_git_state(), list_packages()
    start = Start(
        run_id=run.id,
        started=time.time(),
        orchestrator=run.orchestrator,
        settings=to_jsonable_python(run.settings),
        snapshot=_store_snapshot(run.store),
        commit=git.commit,
        is_clean=git.is_clean,
        packages=packages,
        kit=packages.get(KIT, ""),
    )
    run.store.write_json(locate_start(run.id), asdict(start))


def read_start(store: Store, run_id: str) -> Start | None:
    """Read what a run started from; None if that is damaged, or an older kit wrote the run."""
    try:
        document = store.read_json(locate_start(run_id))
        if document["schema_version"] != SCHEMA_VERSION:
            return None
        names = {item.name for item in fields(Start)}  # a newer kit may write more
        start = Start(**{name: value for name, value in document.items() if name in names})
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    are_mappings = isinstance(start.settings, dict) and isinstance(start.packages, dict)
    return start if are_mappings else None


def list_packages() -> dict[str, str]:
    """List the versions of the installed distributions, by normalized name.

    Reads only the names of their folders, as importlib.metadata would read a file for each.
    """
    versions: dict[str, str] = {}
    for folder in sys.path:  # Python imports the first one on the path
        with suppress(OSError):
            for entry in os.listdir(folder or "."):
                if entry.endswith(".dist-info"):
                    name, _, version = entry.removesuffix(".dist-info").partition("-")
                    versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(versions.items()))


def _recall_git_state() -> GitState:
    """Return git's state when the snapshot was taken; without a snapshot, the state now."""
    project = find_project()
    if project.copy is None:
        return read_git_state(project.root)
    clean = os.environ.get(CLEAN_VARIABLE)
    return GitState(os.environ.get(COMMIT_VARIABLE) or None, clean == "1" if clean else None)


def _store_snapshot(store: Store) -> str | None:
    """Store the snapshot that this process works from; returns its SHA-256, or None without one."""
    copy, sha256 = find_project().copy, os.environ.get(SNAPSHOT_VARIABLE)
    if copy is None or not sha256:
        return None
    if f"{sha256}.zip" not in store.children("snapshots"):
        store.write(locate_snapshot(sha256), locate_archive(copy).read_bytes())
    return sha256
