"""Helpers for the Kubeflow tests: the small project, its runs, and failing commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import copy_toy

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.documents import Document, merge
from mlpo_kit.config.project import Project

KIT = Path(__file__).parents[2] / "src"
KUBEFLOW = pytest.mark.parametrize("toy", ["kubeflow"], indirect=True)  # the small project's
NIGHTLY = "0 0 3 * * *"
BUCKET = "s3://bucket/project"
STAGES = ["ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy"]


class RunFolder:
    """The small project in a folder of its own, run by commands as a user types them."""

    def __init__(self, folder: Path) -> None:
        """Copy the project."""
        self.project = copy_toy(folder, "kubeflow")
        self.root = self.project.root

    def run(
        self,
        *arguments: str,
        python: tuple[str, ...] = ("-m", "mlpo_kit.cli", "run"),
        **sections: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run the pipeline with `sections` replacing those of the profile."""
        (self.root / "configs" / "own.yaml").write_text(yaml.safe_dump(sections))
        return subprocess.run(
            [sys.executable, *python, "--profile", "own", *arguments],
            cwd=self.root,
            env=self.make_environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def make_environment(self) -> dict[str, str]:
        """Make the environment of a user without settings for the kit or MLflow."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ML")
        }
        return {
            **environment,
            "PYTHONPATH": os.pathsep.join([str(KIT), str(self.root / "src")]),
            "MLPO_KIT_TRACKING": "off",
        }

    def read_latest(self) -> Any:
        """The summary of the newest run."""
        return json.loads((self.root / "runs" / "latest.json").read_text())

    def read_states(self) -> dict[str, str]:
        """Read the state of each stage of the newest run."""
        return {stage["name"]: stage["status"] for stage in self.read_latest()["stages"]}

    def read_caches(self) -> str:
        """Read the cache states of the five cacheable stages; the others always run."""
        *cached, register, deploy = [stage["cache"] for stage in self.read_latest()["stages"]]
        assert register == deploy == "off"
        return " ".join(cached)

    def find_outputs(self, task: str = "") -> Path:
        """Find KFP's folder for the newest run or one of its tasks."""
        return self.root / "local_outputs" / str(self.read_latest()["run_id"]) / task

    def list_tasks(self) -> set[str]:
        """List the newest run's tasks that succeeded in KFP, whatever the kit's records say."""
        return {path.name for path in self.find_outputs().iterdir()}

    def read_metadata(self, task: str, name: str) -> Any:
        """Read the metadata of an artifact of the newest run."""
        document = json.loads((self.find_outputs(task) / "executor_output.json").read_text())
        return document["artifacts"][name]["artifacts"][0]["metadata"]


def change_yaml(path: Path, values: Document) -> None:
    """Merge values into a YAML file."""
    document = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(yaml.safe_dump(merge(document, values)), encoding="utf-8")


def describe_cluster(project: Project, **keys: Any) -> None:
    """Change the description in deploy/cluster.yaml."""
    change_yaml(project.root / "deploy" / "cluster.yaml", keys)


def edit_pipeline(project: Project, old: str, new: str) -> None:
    """Change the pipeline file in one place."""
    path = project.root / "pipeline" / "training.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def read_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must fail, and return its error message."""
    assert main([*arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return printed.err


@pytest.fixture
def kfp_user(toy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The small project, for a user without settings for KFP."""
    from kfp import Client

    monkeypatch.setattr(Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    yield toy
