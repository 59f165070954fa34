"""A killed training continues from its checkpoint: in a retry, and in a resumed run.

It needs a real network: the project is what mlpo generates, as far as its user owns it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from conftest import SCAFFOLDS
from metaflow_runs import (
    FLOW,
    call,
    make_environment,
    read_latest,
    run_well,
    write_profile,
)

pytestmark = [pytest.mark.slow, pytest.mark.full]  # test_loop.py kills a training, too

PACKAGE = "pets"
# Long enough to be hit in its middle: each step leaves a checkpoint.
LONG: dict[str, Any] = {
    "epochs": 6,
    "patience": 6,
    "checkpoint_seconds": 0,
    "device": "cpu",
    "model": {"width": 16, "blocks": [1, 1]},
}
SLOWLY = 120  # seconds until something must have happened
WHOLE = """
from mlpo_kit.config.settings import load_settings
from mlpo_kit.execution.inprocess import collect_inputs
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.workspace import Run
run, results = Run("whole", "test", load_settings("long"), use_cache=False), {}
for name in ("ingest", "preprocess", "train"):
    stage = run.pipeline[name]
    results[name] = run_stage(run, stage, **collect_inputs(stage, results))
print(results["train"].model.sha256)
"""


def render_project(root: Path) -> Path:
    """Render sources, settings and flow of a project, as mlpo does."""
    from jinja2 import Environment

    answers = {"package": PACKAGE, "name": PACKAGE, "data_source": "digits"}
    engine = Environment(keep_trailing_newline=True, autoescape=False)
    for base in (SCAFFOLDS / "core", SCAFFOLDS / "metaflow"):
        for source in (
            path
            for name in ("src", "configs", "pipeline")
            for path in (base / name).rglob("*")
            if path.is_file()
        ):
            place = str(source.relative_to(base)).replace("{{ package }}", PACKAGE)
            target = root / place.removesuffix(".jinja")
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            rendered = (
                engine.from_string(text).render(answers) if source.suffix == ".jinja" else text
            )
            target.write_text(rendered, encoding="utf-8")
    table = f'[tool.mlpo]\npackage = "{PACKAGE}"\norchestrator = "metaflow"\n'
    (root / "pyproject.toml").write_text(table)
    (root / ".metaflow").mkdir()
    return root


def kill_in_training(process: subprocess.Popen[str], root: Path, after: int = 5) -> None:
    """Kill the training's process after this many new checkpoints."""
    end, old, new = time.monotonic() + SLOWLY, list_checkpoints(root), set[str]()
    while len(new) < after:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it does not train"
        time.sleep(0.01)
        new |= list_checkpoints(root) - old
    run_id = json.loads((root / "runs" / "latest.json").read_text())["run_id"]
    command = ["pgrep", "-f", f"step train .*{run_id}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    os.kill(max(map(int, found.stdout.split())), signal.SIGKILL)


def list_checkpoints(root: Path) -> set[str]:
    return {str(path) for path in root.glob("checkpoints/*/*.pt")}


def test_a_training_killed_twice_is_retried_then_resumed(tmp_path: Path) -> None:
    root = render_project(tmp_path / "project")
    write_profile(root, "long", train=LONG, evaluate={"device": "cpu"})
    command = [sys.executable, FLOW, "--config", "config", "configs/long.yaml", "run"]
    with subprocess.Popen(
        command,
        cwd=root,
        env=make_environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for _ in range(2):  # Metaflow tries once more
            kill_in_training(process, root)
        shown, _ = process.communicate()
    assert process.returncode != 0, shown
    assert shown.count("resuming after epoch 0, step") == 1
    assert read_latest(root)["stages"][3]["status"] in ("running", "killed")

    done = run_well(root, "resume", "--profile", "long")
    assert "resuming after epoch" in done.stdout + done.stderr
    assert read_latest(root)["status"] in ("completed", "refused")
    digest = read_latest(root)["model"]["digest"]
    assert call(root, "-c", WHOLE).stdout.split()[-1:] == [digest]
    shutil.rmtree(root)  # weights and checkpoints: pytest keeps the folders of three sessions
