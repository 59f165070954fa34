"""A generated project's training that is killed, or that finds no GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kfp_project import KIT
from killing import LONG, kill_in_training
from scaffold import QUICK, render_project

from mlpo_kit.config.documents import merge

pytestmark = pytest.mark.slow


def start(root: Path, **sections: Any) -> subprocess.Popen[str]:
    """Start a run of the project with quick settings."""
    profile = root / "configs" / "quick.yaml"
    profile.write_text(yaml.safe_dump(merge(QUICK, sections)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(KIT), str(root / "src")])}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.Popen(
        [sys.executable, "-m", "mlpo_kit.cli", "run", "--profile", "quick"],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_latest(root: Path) -> Any:
    """The summary of the newest run."""
    return json.loads((root / "runs" / "latest.json").read_text())


@pytest.mark.full
def test_a_killed_training_is_tried_again_to_the_same_weights(tmp_path: Path) -> None:
    digests = []
    for name in ("killed", "whole"):
        root = render_project(tmp_path / name, "kubeflow")
        with start(root, train=LONG) as process:
            if name == "killed":
                kill_in_training(process, root, "RUN/train.*function_to_execute")
            output, _ = process.communicate()
        assert process.returncode == 0, output
        assert output.count("resuming after epoch 0, step") == int(name == "killed")
        assert read_latest(root)["status"] == "completed"
        digests.append(read_latest(root)["model"]["digest"])
    assert digests[0] == digests[1]
    root = tmp_path / "whole"
    kept = root / "local_outputs" / read_latest(root)["run_id"]
    matrix = json.loads((kept / "evaluate" / "executor_output.json").read_text())
    confusion = matrix["artifacts"]["confusion"]["artifacts"][0]["metadata"]["confusionMatrix"]
    assert len(confusion["rows"]) == 10
    page = (kept / "deploy" / "run_report").read_text()
    assert f"Run {read_latest(root)['run_id']}" in page
    # KFP's store tells a page by how it begins, and its UI shows it in a frame of its own.
    assert page.lower().startswith("<!doctype html>")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_training_that_asks_for_a_gpu_and_gets_none_fails(tmp_path: Path) -> None:
    root = render_project(tmp_path / "project", "kubeflow")
    with start(root, train={"device": "cuda"}) as process:
        output, _ = process.communicate()
    assert process.returncode == 1
    assert "the settings ask for device 'cuda'" in output
    states = {stage["name"]: stage["status"] for stage in read_latest(root)["stages"]}
    assert states["train"] == "failed"
    assert states["evaluate"] == "not run"
