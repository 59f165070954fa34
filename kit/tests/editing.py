"""Edit the sources of the small project while it runs, as somebody with a next idea does."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import forget_toy

from mlpo_kit.config.project import Project
from mlpo_kit.runs.copies import FOLDER, make_variables, prepare_copy
from mlpo_kit.runs.git import GitState
from mlpo_kit.runs.snapshot import take_snapshot
from mlpo_kit.runs.start import Start, read_start
from mlpo_kit.store.folder import FolderStore

SLOWLY = 120  # seconds until something must have happened
FOLDERS = ("src", "pipeline")
BROKEN = "this is not Python\n"
COMMAND = (sys.executable, "-m", "mlpo_kit.cli")
# A run that fails at `register`, before it needs MLflow, and whose training can be edited in time.
SLOW = {"train": {"epochs": 3, "sleep_seconds": 0.3}}
DEFECT = '\n\n_register = register\n\n\ndef register(*_, **__):\n    raise RuntimeError("no")\n'


def use_copy(patch: pytest.MonkeyPatch, project: Project) -> Path:
    """Let this process work from a copy of the project, as a run does."""
    snapshot = take_snapshot(project.root)
    copy = prepare_copy(project.root / FOLDER, snapshot, project.root)
    for name, value in make_variables(copy, snapshot, GitState("c0ffee", True)).items():
        patch.setenv(name, value)
    patch.syspath_prepend(str(copy / "src"))
    forget_toy()
    return copy


def prepare(root: Path) -> None:
    """Let the project's training take seconds and its registration fail."""
    profile = root / "configs" / "local.yaml"
    document = yaml.safe_load(profile.read_text()) or {}
    profile.write_text(yaml.safe_dump({**document, **SLOW}))
    file = root / "src" / "toy" / "stages" / "register.py"
    file.write_text(file.read_text() + DEFECT)


def run_and_edit(root: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the pipeline, and break every file of it while it trains."""
    with subprocess.Popen(
        [*COMMAND, "run"],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        wait_for_training(process, root)
        for name in FOLDERS:
            for path in (root / name).rglob("*.py"):
                path.write_text(BROKEN)
        out, _ = process.communicate()
    return subprocess.CompletedProcess(COMMAND, process.returncode, out)


def wait_for_training(process: subprocess.Popen[str], root: Path) -> None:
    end = time.monotonic() + SLOWLY
    while not list(root.glob("runs/*/train.json")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "it does not train"
        time.sleep(0.05)


def read_run(root: Path) -> tuple[dict[str, Any], Start]:
    """Read the newest run's records by stage, and what it started from."""
    store = FolderStore(root)
    run_id = store.read_json("runs/latest.json")["run_id"]
    start = read_start(store, run_id)
    assert start is not None
    names = [name for name in store.children(f"runs/{run_id}") if name.endswith(".json")]
    documents = {
        name.removesuffix(".json"): store.read_json(f"runs/{run_id}/{name}") for name in names
    }
    return {name: document for name, document in documents.items() if "state" in document}, start


def call(root: Path, environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Call a verb; returns its exit code and its output."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def check_edits(root: Path, environment: Mapping[str, str]) -> None:
    """Check that an edit of every file does not reach a run, and that the cache has its results."""
    prepare(root)
    before = {path: path.read_text() for name in FOLDERS for path in (root / name).rglob("*.py")}
    done = run_and_edit(root, environment)
    records, start = read_run(root)
    completed = dict.fromkeys(
        ("ingest", "preprocess", "validate", "train", "evaluate"), "completed"
    )
    states = {name: record["state"] for name, record in records.items()}
    assert states == {**completed, "register": "failed"}, done.stdout
    assert {record["code"] for record in records.values()} == {records["ingest"]["code"]}
    assert (root / "snapshots" / f"{start.snapshot}.zip").is_file()
    for path, text in before.items():
        path.write_text(text)
    _, out = call(root, environment, "plan", "--json")
    verdicts = {step["stage"]: step["verdict"] for step in json.loads(out)["stages"]}
    assert {verdicts[name] for name in completed} == {"hit"}, out


def check_likeness(root: Path, environment: Mapping[str, str]) -> None:
    """Check that a run is run again with its own sources and settings, after `check_edits`."""
    first, start = read_run(root)
    for name in FOLDERS:
        for path in (root / name).rglob("*.py"):
            path.write_text(BROKEN)
    (root / "configs" / "base.yaml").write_text("project: other\nnothing: 1\n")
    options = ("--like", first["train"]["run_id"][:-1], "--no-cache", "--set", "train.threads=2")
    code, out = call(root, environment, "run", *options)
    again, start_again = read_run(root)
    assert again["train"]["run_id"] != first["train"]["run_id"], out
    assert (
        again["train"]["outputs"]["model"]["sha256"]
        == (first["train"]["outputs"]["model"]["sha256"])
    )
    assert (code, again["train"]["cache"]) == (1, "off")
    assert again["train"]["code"] == first["train"]["code"]
    assert start_again.snapshot == start.snapshot
    start.settings["train"]["threads"] = 2
    assert start_again.settings == start.settings
