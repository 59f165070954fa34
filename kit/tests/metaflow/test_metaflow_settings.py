"""Settings of one start: `--set` reaches all that there is, a bad one starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import make_project, read_latest, run_flow, run_kit, write_profile

from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.changes import (
    apply_late_changes,
    join_changes,
    split_changes,
    take_changes,
)


def test_all_options_are_taken_in_their_order() -> None:
    words = ["--config", "config", "x", "run", "--set", "a.b=1", "--tag", "t", "--set=c=[1, 2]"]
    kept, changes = take_changes(words)
    assert kept == ["--config", "config", "x", "run", "--tag", "t"]
    assert changes == ["a.b=1", "c=[1, 2]"]
    with pytest.raises(PipelineError, match="--set wants a setting"):
        take_changes(["run", "--set"])


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("", []),
        ("train.epochs=5 train.patience=3", ["train.epochs=5", "train.patience=3"]),
        ("'model.blocks=[1, 2]'", ["model.blocks=[1, 2]"]),
        (join_changes(["a.b=[1, 2]", "c=x y"]), ["a.b=[1, 2]", "c=x y"]),
    ],
)
def test_a_form_takes_words_or_a_list(text: str, changes: list[str]) -> None:
    assert split_changes(text) == changes


@pytest.mark.parametrize("text", ["[1, 2]", '["a.b=1"', "'a.b=1"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(PipelineError, match="settings: "):
        split_changes(text)


@pytest.mark.parametrize(
    "change",
    [
        "resources.train.gpu=1",
        "resources={train: {cpu: 2}}",
        "compute=batch",
        "project=other",
        "storage_root=/x",
        "train.nodes=2",
        "train={nodes: 2}",
        "retention={max_run_hours: 1}",
    ],
)
def test_what_a_workflow_is_compiled_from_is_refused_by_name(toy: Project, change: str) -> None:
    document = {"project": "toy", "train": {"epochs": 1}, "resources": {}}
    with pytest.raises(PipelineError, match=r"is fixed when a workflow is made") as error:
        apply_late_changes(document, [change], "train")
    assert str(error.value).startswith(
        (
            "resources ",
            "compute ",
            "project ",
            "storage_root ",
            "train.nodes ",
            "retention.max_run_hours ",
        )
    )
    digits = "0123" * 16  # of a text
    late = ["train.epochs=5", f"ingest.version={digits}"]
    changed = apply_late_changes(document, late, "train")
    assert (changed["train"], changed["ingest"]) == ({"epochs": 5}, {"version": digits})


@pytest.mark.slow
def test_a_bad_setting_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    write_profile(root, "bad", train={"epochs": 0, "epoch": 3})
    for done in (
        run_flow(root, "--config", "config", "configs/bad.yaml", "run"),
        run_kit(root, "run", "--profile", "bad"),
        run_kit(root, "run", "--set", "train.epochs=0", "--set", "train.epoch=3"),
        run_flow(root, "run", "--set", "train.epochs=0", "--set", "train.epoch=3"),
    ):
        assert done.returncode == 1
        shown = done.stdout + done.stderr
        assert "train.epochs" in shown
        assert "train.epoch:" in shown
        assert "Traceback" not in shown
    assert not (root / "runs").exists()


@pytest.mark.slow
def test_resources_can_be_set_and_a_resumed_run_keeps_its_settings(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    shown = run_flow(root, "run", "--set", "resources.trian={cpu: 2}")
    assert "resources.trian: there is no such stage" in shown.stdout + shown.stderr
    done = run_flow(root, "resume", "--set", "train.epochs=1")
    assert done.returncode == 1
    assert done.stderr == (
        "error: a resumed run keeps the settings that it started with: drop --set\n"
    )


@pytest.mark.full
@pytest.mark.slow
def test_the_parameter_of_a_form_reaches_every_task(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    done = run_flow(root, "run", "--settings", "train.epochs=1 ingest.rows=50")
    assert done.returncode == 0, done.stdout + done.stderr
    history = root / "runs" / read_latest(root)["run_id"] / "train" / "history.jsonl"
    assert len(history.read_text().splitlines()) == 1

    done = run_flow(root, "run", "--settings", '["resources.train.cpu=9"]')
    assert done.returncode == 1
    assert "resources is fixed when a workflow is made" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_wrong_sweep_stops_before_it_starts(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    write_profile(root, "wrong", space={"train.epoch": [1], "train.patience": []})
    by_hand = ("--config", "space", "configs/wrong.yaml", "run")
    for done in (
        run_kit(root, "sweep", "--sweep", "wrong"),
        run_flow(root, *by_hand, MLPO_KIT_VARIANT="sweep"),
    ):
        assert done.returncode == 1
        shown = done.stdout + done.stderr
        assert "space.train.epoch: train has no such setting; did you mean train.epochs?" in shown
        assert "space.train.patience: the list is empty" in shown
        assert "Traceback" not in shown
    assert not (root / "runs").exists()
