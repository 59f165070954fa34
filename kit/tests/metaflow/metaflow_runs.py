"""Start flows as a user does, in a project where Metaflow then keeps its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from conftest import copy_toy

import mlpo_kit

KIT = Path(mlpo_kit.__file__).parents[1]
FLOW = "pipeline/flow.py"
CACHED = ("ingest", "preprocess", "validate", "train", "evaluate")
ELSEWHERE = ("METAFLOW_", "AWS_", "MLFLOW_", "MLPO_", "KUBE")

Done = subprocess.CompletedProcess[str]


def make_project(folder: Path) -> Path:
    """Make the small project with its own `.metaflow`, so that Metaflow does not search parents."""
    root = copy_toy(folder, "metaflow").root
    (root / ".metaflow").mkdir()
    return root


def make_environment(root: Path, **variables: str) -> dict[str, str]:
    """Make an environment without user name, Metaflow settings or cluster settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("USER", "USERNAME", "SUDO_USER") and not name.startswith(ELSEWHERE)
    }
    path = os.pathsep.join([str(KIT), str(root / "src")])
    own = {"METAFLOW_HOME": str(root / "home"), "PYTHONPATH": path, "MLPO_KIT_TRACKING": "off"}
    return {**kept, **own, **variables}


def call(root: Path, *command: str, **variables: str) -> Done:
    """Run Python in the project."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env=make_environment(root, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def run_flow(root: Path, *arguments: str, **variables: str) -> Done:
    """Run the flow's file by hand."""
    return call(root, FLOW, *arguments, **variables)


def run_kit(root: Path, *arguments: str, **variables: str) -> Done:
    """Run a verb of the command line."""
    return call(root, "-m", "mlpo_kit.cli", *arguments, **variables)


def run_well(root: Path, *arguments: str, **variables: str) -> Done:
    """Run a verb that must succeed."""
    done = run_kit(root, *arguments, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def write_profile(root: Path, name: str, **document: Any) -> None:
    (root / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(document))


def read_latest(root: Path) -> Any:
    return json.loads((root / "runs" / "latest.json").read_text())


def read_cache(root: Path) -> list[str]:
    """Read the cache states of the newest run's cacheable stages."""
    return [stage["cache"] for stage in read_latest(root)["stages"] if stage["name"] in CACHED]


def read_states(root: Path) -> list[str]:
    return [stage["status"] for stage in read_latest(root)["stages"]]


def has_step(root: Path, step: str, flow: str = "TrainFlow") -> bool:
    """Return whether Metaflow started this step in the newest run."""
    run_id: str = read_latest(root)["run_id"]
    return (root / ".metaflow" / flow / run_id / step).exists()
