"""Before a run, the command is replaced by itself, working from a copy of the sources."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import inprocess_adapter
import pytest
import yaml
from conftest import MakeRun
from editing import call, use_copy

import mlpo_kit
from mlpo_kit import PipelineError
from mlpo_kit.cli.__main__ import main
from mlpo_kit.cli.snapshot import work_from_snapshot
from mlpo_kit.config import Project
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.identify import find_run
from mlpo_kit.runs.snapshot import list_members
from mlpo_kit.runs.start import read_start
from mlpo_kit.store.folder import FolderStore

Restart = tuple[list[str], dict[str, str]]


class Replaced(Exception):
    """The process would have been replaced."""


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> list[Restart]:
    """What replaced the process: commands, with their environments."""
    seen: list[Restart] = []

    def replace(_: str, command: list[str], environment: dict[str, str]) -> NoReturn:
        seen.append((command, environment))
        raise Replaced

    monkeypatch.setattr(os, "execve", replace)
    return seen


@pytest.fixture
def earlier(
    toy: Project, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FolderStore]:
    """The store with a run from a copy, of which only one stage has run."""
    with monkeypatch.context() as patch:
        use_copy(patch, toy)
        run = make_run("earlier", train={"epochs": 9})
        run_stage(run, run.pipeline["ingest"])
    yield FolderStore(toy.root)


def read_profile(command: list[str]) -> dict[str, dict[str, object]]:
    document: dict[str, dict[str, object]] = yaml.safe_load(
        Path(command[command.index("--profile") + 1]).read_text()
    )
    return document


@pytest.mark.parametrize("verb", ["run", "sweep", "resume"])
def test_the_same_command_starts_again_from_a_copy(
    toy: Project, verb: str, restarts: list[Restart], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    arguments = ["--set", "train.epochs=2", "--max-workers", "1"]
    with pytest.raises(Replaced):
        work_from_snapshot(verb, arguments)
    ((command, environment),) = restarts
    assert command == [sys.executable, "-m", "mlpo_kit.cli", verb, *arguments]
    copy = Path(environment["MLPO_KIT_SOURCE"])
    assert copy.parent == toy.root / "snapshots" / ".copies"
    assert environment["PYTHONPATH"] == f"{copy}/src{os.pathsep}/elsewhere"
    assert environment["MLPO_KIT_SNAPSHOT"].startswith(copy.name)
    assert "toy" not in sys.modules  # nothing of the sources was imported


def test_it_starts_again_only_once_and_only_on_this_machine(
    toy: Project, restarts: list[Restart], monkeypatch: pytest.MonkeyPatch
) -> None:
    work_from_snapshot("run", ["--help"])
    work_from_snapshot("run", ["--profile", "cluster"])
    work_from_snapshot("run", ["--set", "compute=kubernetes"])
    use_copy(monkeypatch, toy)
    work_from_snapshot("run", [])
    assert restarts == []


def test_copies_are_where_the_local_store_is(toy: Project, restarts: list[Restart]) -> None:
    for change, folder in (
        ("storage_root=store", toy.root / "store"),
        ("storage_root=s3://bucket/toy", toy.root),
    ):
        with pytest.raises(Replaced):
            work_from_snapshot("run", ["--set", change])
        assert Path(restarts[-1][1]["MLPO_KIT_SOURCE"]).parents[2] == folder


def test_a_run_like_another_has_its_sources_and_settings(
    toy: Project, earlier: FolderStore, restarts: list[Restart]
) -> None:
    start = read_start(earlier, "earlier")
    assert start is not None
    for path in (toy.root / "src").rglob("*.py"):
        path.write_text("this is not Python")
    with pytest.raises(Replaced):
        work_from_snapshot("run", ["--like", "earl", "--set", "train.seed=1", "--", "--x"])
    ((command, environment),) = restarts
    assert command[4:8] == ["--like", "earl", "--set", "train.seed=1"]
    assert command[8] == "--profile"
    assert command[10:] == ["--", "--x"]
    assert read_profile(command) == start.settings
    assert start.settings["train"]["epochs"] == 9
    assert environment["MLPO_KIT_SNAPSHOT"] == start.snapshot
    assert environment["MLPO_KIT_COMMIT"] == "c0ffee"
    archive = earlier.read(f"snapshots/{start.snapshot}.zip")
    copy = Path(environment["MLPO_KIT_SOURCE"])
    for member in list_members(archive):
        assert (copy / member.name).read_bytes() == member.content


@pytest.mark.slow
@pytest.mark.full
def test_a_run_like_a_sweep_has_the_settings_of_the_best_trial(
    toy: Project, registry: Path, restarts: list[Restart], monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess_adapter.install(monkeypatch, toy)
    with monkeypatch.context() as patch:
        use_copy(patch, toy)
        assert main(["sweep"]) == 0
    store = FolderStore(toy.root)
    name = f"runs/{find_run(store, 'latest')}/run.json"
    store.write_json(name, {**store.read_json(name), "orchestrator": toy.orchestrator})
    with pytest.raises(Replaced):
        work_from_snapshot("run", ["--like", "latest"])
    assert read_profile(restarts[0][0])["train"]["learning_rate"] == 0.003


def test_what_cannot_be_run_again_is_a_sentence(
    toy: Project, earlier: FolderStore, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: str) -> str:
        with pytest.raises(PipelineError) as caught:
            work_from_snapshot("run", ["--like", *arguments])
        return str(caught.value)

    assert fail("early") == "there is no run 'early'; did you mean earlier?"
    assert re.match("--like is for runs on this machine", fail("x", "--profile", "cluster"))
    run_stage(run := make_run("here"), run.pipeline["ingest"])
    assert re.match("run here has no snapshot of its sources: ", fail("here"))
    (name,) = earlier.children("snapshots")
    earlier.delete([f"snapshots/{name}"])
    assert fail("earlier") == "the snapshot of run earlier was deleted from the store"
    document = earlier.read_json("runs/earlier/run.json")
    earlier.write_json("runs/earlier/run.json", {**document, "orchestrator": "zenml"})
    words = "run earlier ran on zenml, but this project is for metaflow"
    assert fail("earlier") == words


def test_a_call_from_other_code_runs_nothing_like_another(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--like", "latest"]) == 1
    assert "--like needs a process of its own" in capsys.readouterr().err


@pytest.mark.slow
def test_a_message_names_the_file_of_the_user(toy: Project) -> None:
    file = toy.root / "src" / "toy" / "settings.py"
    file.write_text("1 / 0\n")
    paths = [str(Path(mlpo_kit.__file__).parents[1]), str(toy.root / "src")]
    code, out = call(toy.root, {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, "run")
    assert (code, out) == (1, "error: src/toy/settings.py:1: ZeroDivisionError: division by zero\n")
    assert list((toy.root / "snapshots" / ".copies").glob("*.zip"))


@pytest.mark.slow
def test_a_copy_of_many_small_files_takes_a_tenth_of_a_second(
    toy: Project, restarts: list[Restart]
) -> None:
    for number in range(300):
        path = toy.root / "src" / "toy" / f"part{number % 20}" / f"m{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 1\n" * 150)
    times = []
    for _ in range(5):
        began = time.process_time()
        with pytest.raises(Replaced):
            work_from_snapshot("run", [])
        times.append(time.process_time() - began)
    assert min(times) < 0.1
