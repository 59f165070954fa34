"""Clones of the small project on one machine, each with folders of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import copy_toy, forget_toy

from mlpo_kit.config.settings import load_settings
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.handover.exporting import Exported, export_version
from mlpo_kit.runs.workspace import Run

Enter = Callable[[str], Path]  # enters a clone by its name; returns its folder


def enter_clone(root: Path, registry: Path, patch: pytest.MonkeyPatch) -> None:
    """Make the clone in this folder the current project; create it if there is none."""
    for variable in ("MLFLOW_TRACKING_URI", "MLPO_KIT_PROJECT", "MLPO_KIT_IMAGE"):
        patch.delenv(variable, raising=False)
    if not root.exists():
        root.parent.mkdir(parents=True)
        copy_toy(root.parent, "metaflow")
        shutil.copytree(registry, root / "registry")
    source = str(root / "src")
    patch.chdir(root)
    patch.syspath_prepend(source)
    earlier = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    patch.setenv("PYTHONPATH", os.pathsep.join([source, *earlier]))  # for servers
    forget_toy()


def train(run_id: str = "1", *changes: str) -> Run:
    """Run the pipeline of the current project."""
    run = Run(run_id, "metaflow", load_settings(changes=changes))
    run_pipeline(run)
    return run


def export(target: Path, which: str = "champion") -> Exported:
    """Export a version of the current project."""
    return export_version(load_settings(), which, target)


@pytest.fixture
def enter(tmp_path: Path, registry_template: Path, monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Makes the clone of this name the current project; creates it if there is none."""

    def enter_by_name(name: str) -> Path:
        root = tmp_path / name / "toy"
        enter_clone(root, registry_template, monkeypatch)
        return root

    return enter_by_name


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, registry_template: Path) -> Path:
    """A clone with the run `1` and its champion, which is exported to `champion.zip` beside it."""
    root = tmp_path_factory.mktemp("trained") / "ours" / "toy"
    with pytest.MonkeyPatch.context() as patch:
        enter_clone(root, registry_template, patch)
        train("1")
        export(root.parent / "champion.zip")
    return root


@pytest.fixture
def file(trained: Path, enter: Enter, tmp_path: Path) -> Path:
    """The champion of the clone `ours`, as a file; the clone `theirs` is the current project."""
    shutil.copytree(trained.parent, tmp_path / "ours")
    enter("theirs")
    return tmp_path / "ours" / "champion.zip"
