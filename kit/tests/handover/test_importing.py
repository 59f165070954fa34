"""A version goes from one clone to another: whole, once, and never half."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from clones import Enter, enter, export, file, train, trained
from test_archive import Members, rewrite

import mlpo_kit
from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.handover.exporting import export_version
from mlpo_kit.handover.importing import Imported, import_version
from mlpo_kit.models.client import serving
from mlpo_kit.models.registry import Registry, open_registry
from mlpo_kit.retention.prune import apply_plan, plan_prune
from mlpo_kit.runs.records import read_records
from mlpo_kit.runs.summary import summarize
from mlpo_kit.store import open_store
from mlpo_kit.store.files import read_json, write_json

__all__ = ["enter", "file", "trained"]  # fixtures
pytestmark = pytest.mark.slow

WORSE = "train.learning_rate=0.02"  # an accuracy of 0.80 instead of 0.97


def take(path: Path, promote: bool = False) -> Imported:
    return import_version(load_settings(), path, promote)


def find_registry() -> Registry:
    return open_registry(load_settings())


def hash_tree(root: Path) -> dict[str, str]:
    """Hash every file of a clone except locks and the working files of SQLite."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock" and "__pycache__" not in path.parts
    }


def test_a_champion_is_served_elsewhere_as_at_home(
    file: Path, enter: Enter, tmp_path: Path
) -> None:
    def serve_champion() -> tuple[Any, Any]:
        champion = find_registry().champion()
        assert champion is not None
        model = open_store(load_settings()).open(champion.model)
        with serving(model, tmp_path / "log", 60) as server:
            health = requests.get(f"{server.url}/health", timeout=60).json()
            return server.predict([1, 2.5, 30]), health["digest"]

    imported = take(file, promote=True)
    assert (imported.is_new, imported.is_promoted, imported.before) == (True, True, None)
    theirs = serve_champion()
    enter("ours")
    assert serve_champion() == theirs


def test_the_lineage_comes_along(file: Path, enter: Enter) -> None:
    imported = take(file)
    assert imported.version.run_id == imported.run_id == "1-imported"
    assert find_registry().champion() is None

    store, there = open_store(load_settings()), enter("ours")
    home = read_records(open_store(load_settings()), "1")
    here = read_records(store, "1-imported")
    assert here["train"].settings == home["train"].settings
    assert here["train"].code == home["train"].code
    assert here["train"].started == home["train"].started
    for name in ("model", "history"):
        assert here["train"].outputs[name].sha256 == home["train"].outputs[name].sha256
        assert store.has(here["train"].outputs[name])
        assert here["train"].outputs[name].key.startswith("runs/1-imported/train/")
    assert not store.has(here["ingest"].outputs["dataset"])  # the data stays at home

    theirs = enter("theirs")
    page = (theirs / "runs" / "1-imported" / "register" / "report.html").read_text()
    assert "Run 1" in page
    summary = summarize(store, mlpo_kit.load_pipeline(), "1-imported")
    assert (summary["status"], summary["model"]["version"]) == ("completed", 1)
    assert summary["model"]["alias"] is None  # it was the champion there, not here
    assert read_json(theirs / "runs" / "latest.json") == summary
    client = find_registry()._client
    run = client.get_run(str(client.get_model_version("toy", "1").run_id))
    assert run.data.params["train.epochs"] == "3"
    assert run.data.metrics["test_accuracy"] == pytest.approx(0.9667, abs=1e-4)
    assert len(client.get_metric_history(run.info.run_id, "val_loss")) == 3
    assert {item.path for item in client.list_artifacts(run.info.run_id)} == {
        "report.html",
        "evaluation.json",
    }
    assert mlpo_kit.open_run("1-imported").history[-1]["epoch"] == 3
    assert there != theirs


def test_importing_twice_is_no_second_version(
    file: Path, enter: Enter, capsys: pytest.CaptureFixture[str]
) -> None:
    take(file)
    before = hash_tree(enter("theirs"))
    again = take(file)
    assert (again.is_new, again.is_written, again.version.number) == (False, False, 1)
    assert len(find_registry().list_versions()) == 1
    assert hash_tree(enter("theirs")) == before

    assert main(["import", str(file), "--promote", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["is_promoted"], document["version"], document["is_new"]) == (True, 1, False)
    assert main(["import", str(file), "--promote"]) == 0
    assert capsys.readouterr().out.endswith("it is the champion\n")
    assert find_registry()._read_history() == [1]


def test_the_project_that_exported_it_already_has_it(file: Path, enter: Enter) -> None:
    home = enter("ours")
    before = hash_tree(home)
    imported = take(file)
    assert (imported.is_new, imported.is_written) == (False, False)
    assert hash_tree(home) == before


def test_an_import_brings_lost_weights_back(file: Path, enter: Enter) -> None:
    home = enter("ours")
    shutil.rmtree(home / "runs")
    with pytest.raises(PipelineError, match=r"version 1 are gone or .*`mlpo-kit import`"):
        mlpo_kit.open_model()
    imported = take(file)
    assert (imported.is_new, imported.is_written, imported.version.number) == (False, True, 1)
    assert mlpo_kit.open_model().run.id == "1-imported"
    assert mlpo_kit.open_model().predict([1]) == {"values": [pytest.approx(0.9667, abs=1e-4)]}


@pytest.mark.full
def test_a_person_who_promotes_decides_and_is_told(
    enter: Enter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enter("ours")
    train("1", WORSE, "ingest.rows=50")
    export(tmp_path / "worse.zip")
    enter("theirs")
    train("1")
    assert main(["import", str(tmp_path / "worse.zip")]) == 0
    assert "version 1 stays the champion: `mlpo-kit import " in capsys.readouterr().out
    assert main(["import", str(tmp_path / "worse.zip"), "--promote"]) == 0
    out = capsys.readouterr().out
    assert "it is the champion now\n" in out
    assert "the champion before was version 1, accuracy 0.9667: `make rollback` returns" in out
    assert "note: the two were measured on different data" in out
    assert "note: the gate would refuse it in a run: accuracy 0.7967 is worse than" in out
    assert mlpo_kit.open_run("1-imported").read("register.version") == 2  # it was 1 there
    assert main(["rollback"]) == 0
    champion = find_registry().champion()
    assert champion is not None
    assert champion.number == 1


@pytest.mark.full
def test_two_runs_of_the_same_id_do_not_mix(enter: Enter, tmp_path: Path) -> None:
    for clone, changes in (("ours", ()), ("others", (WORSE,))):
        enter(clone)
        train("1", *changes)
        export(tmp_path / f"{clone}.zip")
    enter("theirs")
    first, second = take(tmp_path / "ours.zip"), take(tmp_path / "others.zip")
    assert first.run_id == "1-imported"
    assert second.run_id == f"1-imported-{second.version.model.sha256[:8]}"
    for imported in (first, second):
        open_store(load_settings()).check(imported.version.model)
        assert find_registry().find(imported.version.model.sha256) == imported.version
    train("1")  # a run of its own with that id
    assert mlpo_kit.open_run("1").read("train.model") != mlpo_kit.open_run(second.run_id).read(
        "train.model"
    )


def test_a_prune_keeps_what_the_champion_needs(file: Path, enter: Enter) -> None:
    imported = take(file, promote=True)
    root = enter("theirs")
    run_folder = root / "runs" / imported.run_id
    (verdict,) = plan_prune(load_settings(), lambda _: ()).runs
    assert verdict.kept

    # A month later, with runs of its own since.
    source = read_json(run_folder / "import.json")
    write_json(run_folder / "import.json", {**source, "imported": source["imported"] - 40 * 86400})
    for path in run_folder.glob("*.json"):
        record = read_json(path)
        if "ended" in record:
            times = {name: record[name] - 40 * 86400 for name in ("started", "ended")}
            write_json(path, {**record, **times})
    strict = ("retention.keep_last=1", "retention.keep_versions=1")
    for number in (4, 5):
        train(str(number), f"train.epochs={number}", "register.max_regression=1")
    find_registry().promote(1)
    plan = apply_plan(load_settings(changes=strict), lambda _settings, _runs: None, lambda _: ())
    assert "1-imported" in {run.run_id for run in plan.losing_files}
    assert not (run_folder / "register").exists()
    assert mlpo_kit.open_model().predict([2]) == {"values": [pytest.approx(1.9333, abs=1e-4)]}
    assert mlpo_kit.open_model().run.id == "1-imported"  # its records stay with the weights


@pytest.mark.full
def test_the_age_of_an_imported_run_counts_from_the_import(file: Path, tmp_path: Path) -> None:
    def make_older(members: Members) -> None:
        for name in [name for name in members if name.startswith("records/")]:
            edit(name, lambda record: {**record, "started": 1.0, "ended": 2.0})(members)

    take(rewrite(file, tmp_path / "older.zip", make_older))
    train("2", "train.epochs=4")
    plan = plan_prune(load_settings(changes=["retention.keep_last=1"]), lambda _: ())
    reasons = {run.run_id: run.reason for run in plan.runs}
    assert reasons == {"1-imported": "younger than 30 days", "2": "one of the last 1"}


@pytest.mark.full
def test_an_import_of_an_unfinished_run_does_not_hold_up_a_prune(
    file: Path, tmp_path: Path
) -> None:
    unfinished = rewrite(file, tmp_path / "unfinished.zip", drop_record("deploy"))
    take(unfinished)
    plan = plan_prune(load_settings(), lambda _: ())
    assert [(run.run_id, run.reason) for run in plan.runs] == [
        ("1-imported", "may be resumed: younger than 7 days")
    ]


def describe(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def edit(name: str, change: Callable[[Any], Any]) -> Callable[[Members], None]:
    """Change a JSON member, with its hash in the manifest."""

    def apply(members: Members) -> None:
        manifest = json.loads(members["manifest.json"])
        if name == "manifest.json":
            manifest = change(manifest)
        else:
            members[name] = json.dumps(change(json.loads(members[name]))).encode()
            manifest["members"][name] = describe(members[name])
        members["manifest.json"] = json.dumps(manifest).encode()

    return apply


def drop_record(stage: str) -> Callable[[Members], None]:
    def apply(members: Members) -> None:
        del members[f"records/{stage}.json"]
        manifest = json.loads(members["manifest.json"])
        del manifest["members"][f"records/{stage}.json"]
        members["manifest.json"] = json.dumps(manifest).encode()

    return apply


def set_value(name: str, **values: Any) -> Callable[[Members], None]:
    return edit(name, lambda document: {**document, **values})


EVIL = {"uri": "store://runs/../../evil", "sha256": "0" * 64, "size": 1}
BAD: dict[str, tuple[Callable[[Members], None], str]] = {
    "another package": (
        set_value("manifest.json", package="pets"),
        "the model of another project: package is 'pets' there and 'toy' here. Import it into a",
    ),
    "another model": (
        set_value("manifest.json", model_name="pets"),
        r"register\.model_name is 'pets' there and 'toy' here",
    ),
    "another predictor": (
        set_value("manifest.json", predictor="model:other"),
        "predictor is 'model:other' there and 'model:load_predictor' here",
    ),
    "another metric": (
        set_value("manifest.json", metric="mae", metrics={"mae": 1.0}),
        "the gate in PIPELINE needs the metric 'accuracy'; the candidate has: mae",
    ),
    "a run id that leads outside": (
        set_value("manifest.json", run_id="../evil"),
        "its manifest does not fit its members",
    ),
    "a manifest without a version": (
        edit("manifest.json", lambda document: document.pop("version") and document),
        "version in its manifest: ",
    ),
    "no history of that name": (
        set_value("manifest.json", history="files/train/none"),
        "its manifest does not fit its members",
    ),
    "a record of another stage": (
        set_value("records/train.json", stage="../../evil"),
        r"records/train\.json is no record",
    ),
    "a reference that leads outside": (
        set_value("records/train.json", outputs={"model": EVIL}),
        r"records/train\.json is no record",
    ),
    "a record of an older project": (
        set_value("records/train.json", schema_version=1),
        r"records/train\.json is no record",
    ),
    "weights that the predictor can't open": (
        edit("files/train/model.json", lambda document: {"other": 1}),
        r"model:load_predictor can't open the weights in .* \(KeyError: 'factor'\): import them",
    ),
}


def test_a_bad_file_is_told_in_one_sentence_and_nothing_is_written(
    file: Path, enter: Enter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = enter("theirs")
    before = hash_tree(root)
    for name, (change, words) in BAD.items():
        bad = rewrite(file, tmp_path / "bad.zip", change)
        with pytest.raises(PipelineError, match=words):
            take(bad, promote=True)
        assert main(["import", str(bad), "--json"]) == 1, name
        written = capsys.readouterr()
        assert written.err.count("\n") == 1, name
        assert json.loads(written.out)["error"] in written.err
        assert hash_tree(root) == before, name
    assert list(tmp_path.rglob("evil")) == []
    assert take(file).is_new  # nothing is in the way of the good file


@pytest.mark.full
def test_an_interrupted_import_leaves_nothing_and_can_be_repeated(
    file: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = enter("theirs")
    before = hash_tree(root)

    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mlpo_kit.handover.importing.load_predictor", interrupt)
        with pytest.raises(KeyboardInterrupt):
            take(file)
    assert hash_tree(root) == before
    assert take(file).is_new


@pytest.mark.full
def test_what_the_run_started_from_comes_along(enter: Enter, tmp_path: Path) -> None:
    home = enter("ours")
    run = train("1")
    snapshot = b"the code of the run"
    digest = hashlib.sha256(snapshot).hexdigest()
    run.store.write(f"snapshots/{digest}.zip", snapshot)
    start = {"run_id": "1", "commit": "abc", "snapshot": digest, "schema_version": 1}
    run.store.write_json("runs/1/run.json", start)
    file = export(tmp_path / "m.zip").path
    theirs = enter("theirs")
    take(file)
    assert read_json(theirs / "runs/1-imported/run.json") == {**start, "run_id": "1-imported"}
    assert (theirs / "snapshots" / f"{digest}.zip").read_bytes() == snapshot
    assert home != theirs

    wrong = rewrite(file, tmp_path / "wrong.zip", set_value("run.json", snapshot="0" * 64))
    with pytest.raises(PipelineError, match=r"run\.json names another snapshot\.zip"):
        take(wrong)


@pytest.mark.full
def test_an_imported_version_can_be_handed_on(file: Path, enter: Enter, tmp_path: Path) -> None:
    take(file, promote=True)
    handed_on = export(tmp_path / "again.zip")
    enter("others")
    imported = take(handed_on.path)
    assert (imported.run_id, imported.manifest.run_id) == ("1-imported", "1")
    mlpo_kit.open_model(1)


@pytest.mark.full
def test_a_version_is_imported_into_a_bucket_and_exported_from_it(
    file: Path, tmp_path: Path
) -> None:
    settings = load_settings(changes=["storage_root=memory://handover/bucket"])
    imported = import_version(settings, file, promote=True)
    store = open_store(settings)
    assert "runs/1-imported/train/model.json" in {item.key for item in store.files("runs")}
    assert import_version(settings, file).is_written is False
    exported = export_version(settings, "champion", tmp_path / "again.zip")
    assert exported.run_id == imported.run_id
    assert imported.version.model.sha256 == take(exported.path).version.model.sha256
