"""A snapshot holds what a run imports, and its copy is that, also after a kill or an edit."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from conftest import MakeRun, forget_toy
from editing import use_copy

from mlpo_kit import PipelineError, find_project
from mlpo_kit.caching.key import collect_parts, hash_project_code
from mlpo_kit.caching.source import read_source
from mlpo_kit.config import Project
from mlpo_kit.execution.plan import plan_run
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.copies import FOLDER, KEPT, prepare_copy
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.snapshot import (
    Snapshot,
    describe_large_snapshot,
    list_members,
    read_snapshot,
    take_snapshot,
)
from mlpo_kit.store.folder import FolderStore

HOLD = """
import sys
from pathlib import Path
from mlpo_kit.runs.copies import prepare_copy
from mlpo_kit.runs.snapshot import take_snapshot
root = Path(sys.argv[1])
print(prepare_copy(root / "copies", take_snapshot(root), root).name, flush=True)
sys.stdin.read()
"""


def read_tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_same_sources_give_the_same_bytes(toy: Project) -> None:
    first = take_snapshot(toy.root)
    for path in toy.root.rglob("*.py"):
        os.utime(path, (time.time() + 100, time.time() + 100))
    os.utime(toy.root / "src")
    assert take_snapshot(toy.root) == first
    (toy.root / "src" / "toy" / "labels.txt").write_text("a")
    assert take_snapshot(toy.root) != first


def test_only_sources_and_settings_are_in_it(toy: Project) -> None:
    for name in (
        "README.md",
        "runs/1/train.json",
        "src/toy/.env",
        "src/toy/.model.py.swp",
        "src/toy/model.py~",
        "src/toy/play.ipynb",
        "src/toy/__pycache__/model.cpython-311.pyc",
        "src/toy.egg-info/PKG-INFO",
        "src/toy/rows.csv",
    ):
        path = toy.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    names = [member.name for member in list_members(take_snapshot(toy.root).archive)]
    assert names == sorted(names)
    assert {"src/toy/rows.csv", "pipeline/flow.py", "configs/base.yaml", "pyproject.toml"} < {
        *names
    }
    assert {name.partition("/")[0] for name in names} == {
        "src",
        "pipeline",
        "configs",
        "pyproject.toml",
    }
    assert not [name for name in names if "egg-info" in name or "pycache" in name]
    assert not [name for name in names if name.endswith((".env", ".swp", "~", ".ipynb", ".pyc"))]


def test_keys_and_digests_are_those_of_the_project(
    toy: Project, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = toy.root / "src" / "toy"
    (package / "rows.csv").write_text("1")
    hidden = package / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "model-checkpoint.py").write_text("x = 1")

    def describe() -> dict[str, object]:
        forget_toy()
        run = make_run()
        stages = {
            stage.name: collect_parts(
                stage.module, getattr(run.settings, stage.name), {}, run.settings
            )
            for stage in run.pipeline.values()
        }
        return {**stages, "project": hash_project_code()}

    before = describe()
    assert "file:rows.csv" in before["ingest"]  # type: ignore[operator]
    copy = use_copy(monkeypatch, toy)
    assert find_project().source == copy
    assert describe() == before


@pytest.mark.slow
def test_a_plan_finds_the_results_of_a_run_from_a_copy(
    toy: Project, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        use_copy(patch, toy)
        time.sleep(0.02)
        # As a process that starts after the copy was written.
        patch.setattr("mlpo_kit.caching.key.STARTED", time.time())
        run = make_run()
        run_stage(run, run.pipeline["ingest"])
        assert "/.copies/" in str(sys.modules["toy.stages.ingest"].__file__)
    forget_toy()
    assert plan_run(make_run("plan"))[0].verdict == "hit"


def test_an_edit_does_not_reach_a_copy(toy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hash_project_code()
    copy = use_copy(monkeypatch, toy)
    (toy.root / "src" / "toy" / "model.py").write_text("this is not Python")
    (toy.root / "pyproject.toml").write_text("[tool.mlpo]\npackage = 'cat'\n")
    assert hash_project_code() == before
    assert find_project() == Project(toy.root, "toy", "metaflow", copy)


def test_messages_name_the_file_of_the_user(toy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    file = toy.root / "src" / "toy" / "model.py"
    file.write_text("x = 1\ny = (\n")
    (toy.root / "src" / "toy" / "pipeline.py").write_text("")
    copy = use_copy(monkeypatch, toy)
    with pytest.raises(PipelineError, match=f"^{file}:2: "):
        read_source(copy / "src" / "toy" / "model.py")
    with pytest.raises(PipelineError, match=f"^{toy.root}/src/toy/pipeline.py has no PIPELINE"):
        find_project().load("pipeline", "PIPELINE")


def test_the_record_of_a_failed_stage_names_the_file_of_the_user(
    toy: Project, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = toy.root / "src" / "toy" / "stages" / "ingest.py"
    file.write_text("x = (\n")
    use_copy(monkeypatch, toy)
    run = make_run(caching={"enabled": False})
    with pytest.raises(SyntaxError):
        run_stage(run, run.pipeline["ingest"])
    record = read_record(run.store, run.id, "ingest")
    assert record is not None
    assert f"('{file}', 1," in str(record.reason)
    assert ".copies" not in str(record.reason)


def test_an_incomplete_or_edited_copy_is_repaired(toy: Project) -> None:
    snapshot, folder = take_snapshot(toy.root), toy.root / FOLDER
    copy = prepare_copy(folder, snapshot, toy.root)
    whole = read_tree(copy / "src")
    assert whole == read_tree(toy.root / "src")
    model = copy / "src" / "toy" / "model.py"
    assert not model.stat().st_mode & 0o222
    model.unlink()
    model.write_text("edited")
    (copy / "src" / "toy" / "data.py").unlink()
    (copy / "src" / "toy" / "added.py").write_text("")
    assert prepare_copy(folder, snapshot, toy.root) == copy
    assert read_tree(copy / "src") == whole


def test_code_finds_the_rest_of_the_project_from_its_own_file(toy: Project) -> None:
    (toy.root / "data").mkdir()
    (toy.root / "data" / "rows.csv").write_text("1")
    copy = prepare_copy(toy.root / FOLDER, take_snapshot(toy.root), toy.root)
    assert (copy / "data" / "rows.csv").read_text() == "1"
    (toy.root / "data" / "more.csv").write_text("2")
    assert (copy / "data" / "more.csv").read_text() == "2"
    assert not (copy / "snapshots").exists()  # it would contain itself


def test_links_to_folders_stay_links(toy: Project, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "__init__.py").write_text("x = 1")
    package = toy.root / "src" / "toy"
    (package / "shared").symlink_to(shared)
    (package / "phases").symlink_to("stages")
    (package / "gone").symlink_to("nowhere")
    copy = prepare_copy(toy.root / FOLDER, take_snapshot(toy.root), toy.root)
    assert (copy / "src" / "toy" / "shared").resolve() == shared
    assert (copy / "src" / "toy" / "phases").resolve() == copy / "src" / "toy" / "stages"


def test_the_snapshots_of_a_project_are_not_in_git(toy: Project) -> None:
    subprocess.run(["git", "init", "-q", toy.root], check=True)
    prepare_copy(toy.root / FOLDER, take_snapshot(toy.root), toy.root)
    status = ["git", "-C", str(toy.root), "status", "--porcelain"]
    assert b"snapshots" not in subprocess.check_output(status)


@pytest.mark.slow
def test_only_the_last_few_copies_and_those_in_use_stay(toy: Project) -> None:
    def hold() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(toy.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    def edit(number: int) -> None:
        (toy.root / "src" / "toy" / "number.py").write_text(f"x = {number}")

    holder, held = hold()
    names = []
    for number in range(KEPT + 2):
        edit(number)
        process, name = hold()
        process.kill()  # its lock is free then
        process.communicate()
        names.append(name)

    def list_copies() -> set[str]:
        return {path.name for path in (toy.root / "copies").iterdir() if path.is_dir()}

    assert list_copies() == {held, *names[-KEPT:]}
    holder.communicate()
    edit(-1)
    process, name = hold()
    process.communicate()
    assert list_copies() == {*names[1 - KEPT :], name}
    assert not list((toy.root / "copies").glob(f"{held}*"))


def test_a_damaged_snapshot_in_the_store_is_told(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("snapshots/00.zip", b"cut")
    with pytest.raises(PipelineError, match=r"snapshots/00\.zip in the store is damaged"):
        read_snapshot(store, "00")


def test_a_large_snapshot_is_told_with_its_largest_file(
    toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert describe_large_snapshot(take_snapshot(toy.root)) is None
    monkeypatch.setattr("mlpo_kit.runs.snapshot.LARGE", 2**20)
    (toy.root / "src" / "toy" / "rows.bin").write_bytes(bytes(3 * 2**20))
    words = describe_large_snapshot(take_snapshot(toy.root))
    assert words is not None
    assert "take 3 MiB (src/toy/rows.bin: 3 MiB): keep data outside" in words


def test_a_file_that_cannot_be_read_is_named(toy: Project) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path = toy.root / "src" / "toy" / "model.py"
    path.chmod(0)
    with pytest.raises(PipelineError, match=f"^{path} can't be read: Permission denied$"):
        take_snapshot(toy.root)


def test_a_variable_without_a_copy_is_told(toy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPO_KIT_SOURCE", "/nowhere")
    with pytest.raises(PipelineError, match=r"MLPO_KIT_SOURCE names /nowhere, .* unset it"):
        find_project()


def test_any_tree_of_files_is_unpacked_as_it_was() -> None:
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    word = st.text("ab._~Zé ", min_size=1, max_size=4).filter(lambda text: text not in (".", ".."))
    paths = st.tuples(st.sampled_from(["src", "pipeline", "configs"]), word, word)
    trees = st.dictionaries(paths, st.binary(max_size=20), max_size=6)

    @hypothesis.settings(max_examples=20)  # type: ignore[untyped-decorator]
    @hypothesis.given(trees)  # type: ignore[untyped-decorator]
    def check(tree: dict[tuple[str, str, str], bytes]) -> None:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            for words, content in tree.items():
                root.joinpath(*words[:2]).mkdir(parents=True, exist_ok=True)
                root.joinpath(*words).write_bytes(content)
            snapshot = take_snapshot(root)
            assert take_snapshot(root) == snapshot
            copy = prepare_copy(root / "copies", snapshot, root)
            expected = {
                "/".join(words): content
                for words, content in tree.items()
                if not any(word[0] == "." or word.endswith("~") for word in words)
            }
            assert read_tree(copy) == expected
            again = take_snapshot(copy)
            assert {m.name: m.content for m in list_members(again.archive)} == expected

    check()


def test_members_of_an_empty_project_are_none(tmp_path: Path) -> None:
    snapshot = take_snapshot(tmp_path)
    assert isinstance(snapshot, Snapshot)
    assert list(list_members(snapshot.archive)) == []
