"""The store behaves the same in a folder and in a bucket of a real S3 server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from s3 import serve_bucket

import mlpo_kit
from mlpo_kit import IntegrityError, PipelineError, Ref
from mlpo_kit.config import Project
from mlpo_kit.execution.runner import read_result, run_stage
from mlpo_kit.store import Store, open_store
from mlpo_kit.store.bucket import BucketStore, _scratch
from mlpo_kit.store.folder import FolderStore

BUCKET = "models"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that lead to an S3 server with an empty bucket."""
    folder = tmp_path_factory.mktemp("s3")
    with serve_bucket(folder, BUCKET) as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield variables


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of either kind."""
    if request.param == "folder":
        return FolderStore(tmp_path)
    request.getfixturevalue("server")
    return BucketStore(f"s3://{BUCKET}/{tmp_path.name}", 3600)


def put(store: Store, key: str, content: bytes) -> Ref:
    folder, _, name = key.rpartition("/")
    (store.folder(folder) / name).write_bytes(content)
    return store.put(key)


def test_a_payload_is_opened_with_the_bytes_that_were_put(store: Store) -> None:
    ref = put(store, "runs/1/train/model", b"weights")
    assert (ref.uri, ref.size) == ("store://runs/1/train/model", 7)
    store.check(ref)
    assert store.has(ref)
    assert store.open(ref).read_bytes() == b"weights"
    assert store.read("runs/1/train/model") == b"weights"


def test_a_changed_payload_is_never_opened(store: Store) -> None:
    ref = put(store, "runs/1/train/model", b"weights")
    store.write("runs/1/train/model", b"weightS")
    with pytest.raises(IntegrityError, match="was changed after the pipeline wrote it"):
        store.check(ref)
    with pytest.raises(IntegrityError):
        store.open(ref)
    store.delete([ref.key])
    with pytest.raises(IntegrityError, match="is not in the store at"):
        store.check(ref)
    assert not store.has(ref)
    assert not store.has(replace(ref, uri="store://nothing"))


def test_missing_files_are_not_found(store: Store) -> None:
    store.write("a/file", b"1")
    for key in ("nothing", "a/nothing", "a/file/nothing"):
        with pytest.raises(FileNotFoundError):
            store.read(key)
    assert store.children("nothing") == []
    assert list(store.files("nothing")) == []
    store.delete(["nothing"])
    store.delete_tree("nothing")
    store.delete_tree("a/file")  # a file is not under itself
    assert list(store.files("a/file")) == []
    assert store.read("a/file") == b"1"


def test_files_are_listed_and_deleted_by_prefix(store: Store) -> None:
    for key in ("runs/1/a.json", "runs/1/a/b", "runs/10/a.json", "runs/2/c"):
        store.write(key, key.encode())
    assert {item.key for item in store.files("runs/1")} == {"runs/1/a.json", "runs/1/a/b"}
    assert {item.size for item in store.files("runs/2")} == {8}
    assert store.children("runs") == ["1", "10", "2"]
    assert store.children("runs/1") == ["a", "a.json"]
    store.delete_tree("runs/1")
    assert {item.key for item in store.files("runs")} == {"runs/10/a.json", "runs/2/c"}


def test_a_stage_runs_while_its_lock_is_held(store: Store) -> None:
    with store.guard(), store.guard(), store.stage_lock("1", "train"):
        assert store.is_running("1", "train", mlpo_kit.STARTED)
    assert store.is_running("1", "train", mlpo_kit.STARTED) == isinstance(store, BucketStore)
    assert not store.is_running("1", "train", 0)
    assert not [item.key for item in store.files("runs")]  # locks are no files of the store


KEYS = st.lists(
    st.text(st.sampled_from("ab7-_ +%é"), min_size=1, max_size=6).filter(str.strip).map(str.strip),
    min_size=1,
    max_size=3,
).map("/".join)
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "delete", "prune"]), KEYS, st.binary(max_size=9))
)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=30)
@given(steps=STEPS)
def test_a_folder_holds_all_files_that_were_not_deleted(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bytes]]
) -> None:
    check_steps(FolderStore(tmp_path_factory.mktemp("store")), steps)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=8)
@given(steps=STEPS)
def test_a_bucket_holds_all_objects_that_were_not_deleted(
    server: dict[str, str], tmp_path_factory: pytest.TempPathFactory, steps: Any
) -> None:
    name = tmp_path_factory.mktemp("store").name
    check_steps(BucketStore(f"s3://{BUCKET}/{name}", 3600), steps)


def check_steps(store: Store, steps: list[tuple[str, str, bytes]]) -> None:
    """Do the same to the store and to a dictionary."""
    known: dict[str, bytes] = {}
    for what, name, content in steps:
        key = f"x/{name}"
        if what == "write":
            if any(key.startswith(f"{k}/") or k.startswith(f"{key}/") for k in known):
                continue  # a file can't be a folder too
            store.write(key, content)
            known[key] = content
        elif what == "delete":
            if any(k.startswith(f"{key}/") for k in known):
                continue
            store.delete([key])
            known.pop(key, None)
        else:
            store.delete_tree(key)
            known = {k: v for k, v in known.items() if not k.startswith(f"{key}/")}
    assert {item.key: item.size for item in store.files("x")} == {
        k: len(v) for k, v in known.items()
    }
    assert all(store.read(key) == content for key, content in known.items())
    assert store.children("x") == sorted({key.split("/")[1] for key in known})


@pytest.mark.slow
def test_many_objects_odd_names_and_large_ones(server: dict[str, str]) -> None:
    store = BucketStore(f"s3://{BUCKET}/many", 3600)
    keys = [f"many/{number}/a b+%41é.json" for number in range(1100)]  # more than one page
    for key in keys:
        store.write(key, b"{}")
    assert {item.key for item in store.files("many")} == set(keys)
    store.delete([*keys[:1050], "many/nothing.json"])
    assert len(list(store.files("many"))) == len(store.children("many")) == 50
    ref = put(store, "runs/big/train/weights", b"0123456789abcdef" * (4 << 20))  # several parts
    store.check(ref)
    assert store.open(ref).stat().st_size == 64 << 20
    for prefix in ("many", "runs/big", "runs/big"):
        store.delete_tree(prefix)
    assert not store.has(ref)
    assert store.children("many") == []


CHILD = """
import json, sys
from mlpo_kit.config import load_settings
from mlpo_kit import Run
from mlpo_kit.execution.inprocess import collect_inputs
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.summary import refresh_latest
run, results = Run(sys.argv[1], "test", load_settings("local", sys.argv[2:])), {}
for name in run.pipeline.cached_names:
    stage = run.pipeline[name]
    results[name] = run_stage(run, stage, **collect_inputs(stage, results))
print(json.dumps(refresh_latest(run.store, run.pipeline)))
"""


@pytest.mark.slow
def test_machines_that_share_a_bucket_hand_over_and_reuse(
    toy: Project, server: dict[str, str]
) -> None:
    """Each process has a scratch folder of its own, and leaves nothing on its disk."""
    root = f"s3://{BUCKET}/team/toy"
    paths = [str(toy.root / "src"), str(Path(mlpo_kit.__file__).parents[1])]
    environment = {**os.environ, **server, "PYTHONPATH": os.pathsep.join(paths)}

    def run(run_id: str, *changes: str) -> Any:
        command = [sys.executable, "-c", CHILD, run_id, f"storage_root={root}", *changes]
        done = subprocess.run(
            command, cwd=toy.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    first, second = run("run-1"), run("run-2")
    assert [stage["cache"] for stage in first["stages"]] == ["miss"] * 5 + ["off"] * 2
    assert [stage["cache"] for stage in second["stages"]] == ["hit"] * 5 + ["off"] * 2
    assert second["model"] == first["model"]
    store = BucketStore(root, 3600)
    store.write("runs/run-1/train/model.json", b"{}")  # a payload that somebody cut
    third = run("run-3")
    assert [stage["cache"] for stage in third["stages"][:5]] == ["hit"] * 3 + ["miss", "hit"]
    assert third["model"]["digest"] == first["model"]["digest"]
    for name in ("runs", "cache", "registry"):
        assert not (toy.root / name).exists()


def test_a_bucket_needs_only_its_address_as_a_setting(
    server: dict[str, str], make_run: MakeRun
) -> None:
    run = make_run(storage_root=f"s3://{BUCKET}/address")
    assert isinstance(open_store(run.settings), BucketStore)
    assert isinstance(open_store(make_run().settings), FolderStore)


PLAN = """
import sys
from mlpo_kit import PipelineError, Run
from mlpo_kit.config import load_settings
from mlpo_kit.execution.plan import plan_run
try:
    plan_run(Run("plan", "test", load_settings("local", sys.argv[1:])))
except PipelineError as error:
    sys.exit(str(error))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "refuses access"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "can't be reached at http://127.0.0.1:9"),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": "/none",
             "AWS_SHARED_CREDENTIALS_FILE": "/none"},
            "there are no credentials",
        ),
        ({}, "there is no bucket 'nowhere': create it, or set another storage_root\n"),
    ],
)  # fmt: skip
def test_an_unusable_store_is_explained_in_one_sentence(
    toy: Project, server: dict[str, str], variables: dict[str, str], words: str
) -> None:
    paths = [str(toy.root / "src"), str(Path(mlpo_kit.__file__).parents[1])]
    environment = {**os.environ, **server, **variables, "PYTHONPATH": os.pathsep.join(paths)}
    place = f"storage_root=s3://{BUCKET if variables else 'nowhere'}/x"
    done = subprocess.run(
        [sys.executable, "-c", PLAN, place],
        cwd=toy.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_other_fsspec_file_systems_work(make_run: MakeRun) -> None:
    run = make_run(storage_root="memory://toy")
    made = run_stage(run, run.pipeline["ingest"])
    assert run.store.has(made.dataset)
    assert read_result(run.store, run.pipeline["ingest"], run.id) == made


def test_an_unknown_kind_of_store_is_explained() -> None:
    with pytest.raises((PipelineError, ValueError), match="nothing"):
        BucketStore("nothing://x", 3600)


def test_processes_share_the_scratch_folder_that_the_variable_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLPO_KIT_SCRATCH", str(tmp_path))
    _scratch.cache_clear()
    assert _scratch("s3://x/y") == tmp_path
    _scratch.cache_clear()
