"""The small project in real runs, started like `make run`, then read from ZenML's records."""

from __future__ import annotations

import json

import pytest
from zenrun import Zen, set_values

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def zen(tmp_path_factory: pytest.TempPathFactory) -> Zen:
    """After one green run."""
    fresh = Zen(tmp_path_factory.mktemp("a folder"))
    fresh.write(resources={"train": {"cpu": 2, "retries": 1}})
    fresh.run()
    return fresh


def test_a_green_run_leaves_typed_artifacts_and_a_linked_model_version(zen: Zen) -> None:
    summary = zen.latest()
    assert (summary["status"], summary["orchestrator"]) == ("completed", "zenml")
    assert [stage["status"] for stage in summary["stages"]] == ["completed"] * 7

    records = zen.records()
    ((name, run),) = records["runs"].items()
    assert name == summary["run_id"]
    assert run["status"] == "completed"
    tags = {f"dataset:{summary['dataset']['version'][:12]}", "registered:v1", "deployed"}
    assert tags <= set(run["tags"])
    steps, digest = run["steps"], summary["model"]["digest"]
    assert steps["train"]["outputs"]["model"] == ["RefMaterializer", 0, digest, "ModelArtifact"]
    assert steps["deploy"]["outputs"]["report"][1] == 1
    # No two outputs share an artifact: each name is one thing in ZenML.
    names = [output for step in steps.values() for output in step["outputs"]]
    assert len(names) == len(set(names))
    assert {"validate_report", "evaluate_report"} <= set(names)
    assert (steps["train"]["cores"], steps["train"]["retries"]) == (2, 1)
    assert steps["evaluate"]["metadata"]["accuracy"] == summary["metrics"]["accuracy"]
    assert records["versions"] == {
        "toy": {f"v1-{digest[:12]}": {"digest": digest, "weights": "there", "artifacts": ["model"]}}
    }


def test_nothing_is_pickled_and_nothing_is_written_elsewhere(zen: Zen) -> None:
    artifacts = (zen.root / ".zenml" / "local_stores").rglob("*")
    written = {path.suffix for path in artifacts if path.is_file()}
    assert written == {".db", ".html", ".json"}
    for folder in (zen.root / "runs", zen.root / ".zenml"):
        for path in folder.rglob("*"):
            if path.is_file():
                assert path.suffix not in (".pkl", ".pickle", ".pt", ".pth", ".joblib"), path
                assert not path.read_bytes().startswith(b"\x80"), path  # as a pickle does
    assert list(zen.home.rglob("*")) == []


def test_a_cached_model_skips_training(zen: Zen) -> None:
    first = zen.latest()
    second = zen.run()
    assert zen.caches() == ["hit"] * 5 + ["off"] * 2
    assert (second["metrics"], second["model"]) == (first["metrics"], first["model"])
    steps = zen.records()["runs"][second["run_id"]]["steps"]
    # A step that ZenML takes from its cache is not started: on Kubernetes, no pod.
    states = {name: step["status"] for name, step in steps.items()}
    assert states == dict.fromkeys(states, "completed") | {"train": "cached"}

    done = zen.kit("run", "--json", *set_values("evaluate.device=mps"))
    assert done.returncode == 0, done.stdout + done.stderr
    third = zen.latest()
    assert json.loads(done.stdout) == {**third, "sweep": None}
    assert zen.caches() == ["hit"] * 4 + ["miss"] + ["off"] * 2
    assert zen.records()["runs"][third["run_id"]]["steps"]["train"]["status"] == "cached"


@pytest.mark.full
def test_any_setting_can_be_changed_for_one_run_also_of_resources(zen: Zen) -> None:
    changes = ("train.epochs=4", "resources.train.cpu=3", "register.max_regression=1")
    summary = zen.run(*set_values(*changes), "--no-cache")
    assert zen.caches() == ["off"] * 7
    train = json.loads((zen.root / "runs" / summary["run_id"] / "train.json").read_text())
    assert train["settings"]["epochs"] == 4
    assert zen.records()["runs"][summary["run_id"]]["steps"]["train"]["cores"] == 3

    unknown = zen.kit("run", "--epochs", "3")
    assert unknown.returncode == 2
    assert "unknown arguments: --epochs 3" in unknown.stderr
    typo = zen.kit("run", *set_values("train.epoch=3"))
    assert typo.returncode == 1
    assert "train.epoch" in typo.stderr


def test_a_refused_candidate_is_an_outcome_and_deploy_says_why_it_does_nothing(zen: Zen) -> None:
    versions = zen.records()["versions"]
    done = zen.kit("run", *set_values("register.min_accuracy=0.999", "train.epochs=2"))
    assert (done.returncode, done.stderr) == (0, "")
    summary = zen.latest()
    states = [stage["status"] for stage in summary["stages"]]
    assert (summary["status"], states[5:]) == ("refused", ["refused", "not run"])
    reason = "is below register.min_accuracy (0.999): not registered"
    assert f"deploy: nothing to do: accuracy 0.9500 {reason}" in done.stdout
    records = zen.records()
    run = records["runs"][summary["run_id"]]
    assert {step["status"] for step in run["steps"].values()} == {"completed"}
    assert run["status"] == "completed"
    assert "deployed" not in run["tags"]
    assert records["versions"] == versions


def test_the_reason_of_a_failure_is_printed_and_kept_in_zenml(zen: Zen) -> None:
    done = zen.kit("run", "--json", *set_values("validate.min_rows=1000"))
    assert done.returncode == 1
    assert "error: there are 80 rows; at least 1000 are wanted" in done.stderr
    assert "Traceback" not in done.stderr
    summary = zen.latest()
    error = "there are 80 rows; at least 1000 are wanted"
    assert json.loads(done.stdout) == {**summary, "sweep": None, "error": error}
    states = {stage["name"]: stage["status"] for stage in summary["stages"]}
    assert (states["validate"], states["train"]) == ("failed", "not run")
    run = zen.records()["runs"][summary["run_id"]]
    assert run["status"] == "failed"
    assert run["steps"]["validate"]["failure"] == error


def test_a_defect_shows_the_line_and_is_tried_again(zen: Zen) -> None:
    done = zen.kit("run", *set_values("train.fail=true", "resources.train.retries=1"))
    assert done.returncode == 1
    # Inside a step that the kit made: its own line, then the stage's.
    assert "outputs = recipe.work(stage.name, inputs)" in done.stderr
    assert 'raise RuntimeError("the training has a defect")' in done.stderr
    assert "train failed: RuntimeError('the training has a defect')" in done.stdout  # the table
    record = json.loads((zen.root / "runs" / zen.latest()["run_id"] / "train.json").read_text())
    assert record["attempt"] == 2
