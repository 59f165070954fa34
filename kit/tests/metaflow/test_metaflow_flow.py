"""The flow in real Metaflow runs: each step is a separate process."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import (
    CACHED,
    call,
    has_step,
    make_environment,
    make_project,
    read_cache,
    read_latest,
    read_states,
    run_flow,
    run_kit,
    run_well,
    write_profile,
)

pytestmark = pytest.mark.slow

LOST = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one green run, started by hand."""
    root = make_project(tmp_path_factory.mktemp("green"))
    done = run_flow(root, "run", "--set", "train.epochs=2", "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_a_run_is_green_tagged_and_has_its_cards(green: Path) -> None:
    summary = read_latest(green)
    assert summary["status"] == "completed"
    assert summary["orchestrator"] == "metaflow"
    assert read_states(green) == ["completed"] * 7
    reasons = {stage["reason"] for stage in summary["stages"] if stage["name"] in CACHED}
    assert reasons == {"the cache is off for this run"}
    assert has_step(green, "train")
    history = green / "runs" / summary["run_id"] / "train" / "history.jsonl"
    assert len(history.read_text().splitlines()) == 2

    tags = run_flow(green, "tag", "list", "--run-id", summary["run_id"]).stdout
    assert f"dataset:{summary['dataset']['version'][:12]}" in tags
    assert "registered:v1" in tags
    assert "deployed" in tags
    card = run_flow(green, "card", "get", f"{summary['run_id']}/deploy").stdout
    assert f"run {summary['run_id']}" in card.lower()
    card = run_flow(green, "card", "get", f"{summary['run_id']}/train", "--id", "training").stdout
    (data,) = re.findall(r'__MF_DATA__\["[\w-]+"\] = "([\w+/=]+)"', card)
    assert '"val_loss": 0.05' in base64.b64decode(data).decode()


def test_metaflow_keeps_no_copy_of_the_pipeline(green: Path) -> None:
    run_id = read_latest(green)["run_id"]
    (path,) = (green / ".metaflow" / "TrainFlow" / run_id / "deploy").glob("*/*.data.json")
    kept = json.loads(path.read_text())["objects"]
    assert {"ingested", "trained", "deployed", "html"} <= kept.keys()
    assert "pipeline" not in kept


@pytest.mark.full
def test_a_cached_model_skips_training_and_survives_a_prune(green: Path) -> None:
    """One sequence: a run like the first, a prune, a run with another setting."""
    first = read_latest(green)
    done = run_well(green, "run", "--json", "--set", "train.epochs=2", "--tag", "keep")
    assert json.loads(done.stdout) == {**read_latest(green), "sweep": None}
    kept = read_latest(green)["run_id"]
    assert read_cache(green) == ["hit"] * 5
    assert not has_step(green, "train")
    for part in ("dataset", "model", "metrics", "device"):
        assert read_latest(green)[part] == first[part]

    policy = {"keep_last": 1, "max_gib": 1e-9, "keep_failed_days": 1e-9}
    write_profile(green, "strict", retention=policy)
    pruned = run_well(green, "prune", "--profile", "strict", "--apply", "--json").stdout
    dropped = {run["run_id"] for run in json.loads(pruned)["runs"] if not run["kept"]}
    assert first["run_id"] in dropped
    assert kept not in dropped
    assert "pruned" in run_flow(green, "tag", "list", "--run-id", first["run_id"]).stdout
    cards = green / ".metaflow" / "mf.cards" / "TrainFlow" / "runs"
    assert not list(cards.glob(f"{first['run_id']}/**/*.html"))
    assert list(cards.glob(f"{kept}/**/*.html"))
    newest = "import metaflow as m; m.namespace(None); print(m.Flow('TrainFlow').latest_run.id)"
    assert call(green, "-c", newest).stdout.split() == [read_latest(green)["run_id"]]

    run_well(green, "run", "--set", "train.epochs=2", "--set", "evaluate.device=cpu:0")
    assert read_cache(green) == ["hit", "hit", "hit", "hit", "miss"]
    assert not has_step(green, "train")


@pytest.mark.full  # a sweep that lost it is resumed below
def test_a_run_that_lost_its_registry_is_resumed_where_it_stopped(green: Path) -> None:
    assert run_kit(green, "run", "--set", "train.epochs=2", **LOST).returncode == 1
    stopped = read_latest(green)
    assert stopped["stages"][5]["status"] == "failed"

    done = run_well(green, "resume")
    assert f"run {read_latest(green)['run_id']} (metaflow): completed" in done.stdout
    resumed = read_latest(green)
    assert resumed["status"] == "completed"
    assert resumed["run_id"] != stopped["run_id"]
    assert resumed["model"]["digest"] == stopped["model"]["digest"]
    reasons = [stage["reason"] for stage in resumed["stages"]]
    assert reasons == [f"taken over from run {stopped['run_id']}"] * 5 + ["always runs"] * 2


def test_a_sweep_goes_on_with_the_best_and_outlives_a_bad_trial(green: Path) -> None:
    """One sequence: a sweep, the same sweep until the registry is lost, then a resume."""
    space = {"train.learning_rate": [0.01, 0.003], "train.fail": [False, True]}
    write_profile(green, "tries", parallelism=2, space=space)
    sweep = ("sweep", "--sweep", "tries", "--set", "train.epochs=2")
    document = json.loads(run_well(green, *sweep, "--json").stdout)
    first = read_latest(green)
    assert first["stages"][3]["reason"].startswith("best of 4 trials: train-2")
    assert first["model"]["alias"] == "champion"
    assert document["run_id"] == first["run_id"]
    assert [(trial["state"], trial["cache"]) for trial in document["sweep"]["trials"]] == [
        ("completed", "miss"),
        ("reused", "hit"),  # as plain runs have trained
        ("failed", "miss"),
        ("failed", "miss"),
    ]

    assert run_kit(green, *sweep, **LOST).returncode == 1
    stopped = read_latest(green)
    assert read_cache(green) == ["hit"] * 5
    document = json.loads(run_well(green, "resume", "--json").stdout)
    assert document["sweep"]["chosen"]  # it knows that a sweep was started last
    resumed = read_latest(green)
    assert document["run_id"] == resumed["run_id"]
    assert resumed["stages"][3]["reason"] == f"taken over from run {stopped['run_id']}"
    assert resumed["model"] == first["model"]


@pytest.mark.full
def test_a_refused_candidate_is_an_outcome_and_the_flow_ends_well(green: Path) -> None:
    before = read_latest(green)["model"]["version"]
    done = run_well(green, "run", "--set", "register.min_accuracy=0.999", "--set", "train.epochs=1")
    assert read_latest(green)["status"] == "refused"
    assert read_states(green)[5:] == ["refused", "not run"]
    assert "deploy: nothing to do, as the candidate was refused: accuracy" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "register.min_accuracy (0.999)" in done.stdout
    assert has_step(green, "deploy")
    run_id = read_latest(green)["run_id"]
    tags = run_flow(green, "tag", "list", "--run-id", run_id).stdout
    assert "refused" in tags
    assert "deployed" not in tags
    assert before is not None


def test_bad_data_stops_the_run_at_validate_without_a_traceback(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    done = run_kit(root, "run", "--json", "--set", "validate.min_rows=10000")
    assert done.returncode == 1
    assert "there are 80 rows; at least 10000 are wanted" in done.stderr
    assert json.loads(done.stdout) == {**read_latest(root), "sweep": None}
    assert "Traceback" not in done.stdout + done.stderr
    assert read_states(root)[2:4] == ["failed", "not run"]


def test_a_defect_fails_the_run_after_one_more_try_and_shows_its_place(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    done = run_kit(root, "run", "--set", "train.fail=true")
    assert done.returncode == 1
    assert done.stdout.count("RuntimeError: the training has a defect") == 2
    assert 'stages/train.py", line' in done.stdout
    assert read_states(root)[3:5] == ["failed", "not run"]


def test_an_interrupted_run_ends_its_tasks_and_says_so(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    write_profile(root, "slow", train={"sleep_seconds": 600})
    with subprocess.Popen(
        [sys.executable, "-m", "mlpo_kit.cli", "run", "--profile", "slow"],
        cwd=root,
        env=make_environment(root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        end = time.monotonic() + 180
        while not (root / "runs").exists() or read_states(root)[3] != "running":
            assert time.monotonic() < end, "it does not train"
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Workflow interrupted" in shown
    assert read_states(root)[3] == "interrupted"
    assert "train interrupted: by Ctrl-C, or a signal to end it" in shown
    assert "Traceback" not in shown
    left = ["pgrep", "-f", f"step train .*{read_latest(root)['run_id']}"]
    assert subprocess.run(left, capture_output=True, check=False).stdout == b""
