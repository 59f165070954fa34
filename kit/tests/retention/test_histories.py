"""Retention over random histories of a real store and a real registry, crashes included."""

from __future__ import annotations

import functools
import logging
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hypothesis")
from conftest import copy_toy, forget_toy
from history_parts import Fragile, make_fragile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retention_world import act

from mlpo_kit.caching import key
from mlpo_kit.execution import runner
from mlpo_kit.models import deletion

OLDER = Path(__file__).parents[1] / "data" / "older-project.tar.xz"
STAGES = ("ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy")
# Cached during the tests, because the code does not change meanwhile.
PURE = ("find_all", "hash_project_code", "_list_data_files", "was_edited")


def event(name, **arguments):
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


seeds = st.integers(0, 2)
numbers = st.integers(0, 30)
policies = st.fixed_dictionaries(
    {
        "keep_last": st.integers(1, 3),
        "keep_days": st.just(30),
        "keep_failed_days": st.sampled_from([0.25, 7]),
        "keep_versions": st.integers(1, 2),
        "max_gib": st.sampled_from([6_000 / 2**30, 15_000 / 2**30, 20]),
        "max_run_hours": st.just(48),
    }
)
green = event("run", data=seeds, seed=seeds, cache=st.sampled_from([True, True, True, False]))
events = st.one_of(
    green,
    green,
    event("run", data=seeds, seed=seeds, fail=st.sampled_from(STAGES[:5])),
    event("run", data=seeds, seed=seeds, stop=st.integers(1, 6)),
    event("finish"),
    event("run", data=seeds, seed=seeds, refuse=st.just(True)),
    event("end", state=st.sampled_from(["running", "preempted", "interrupted", "stopped"])),
    event("age", days=st.sampled_from([0.5, 3, 8, 15, 31])),
    event("age", days=st.sampled_from([0.5, 3, 8, 15, 31])),
    event("spoil", which=numbers, how=st.sampled_from(["file", "cut", "record", "run"])),
    event(
        "mark",
        which=numbers,
        how=st.sampled_from(["keep", "undo", "tag", "rollback", "alias", "version"]),
    ),
    event("checkpoint"),
    event("prune"),
    event("prune", crash=st.integers(1, 25)),
    event("prune", unreachable=st.just(True)),
)


Act = Callable[[dict[str, Any]], str | None]


@pytest.fixture(scope="module")
def act_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Act]:
    """A function that acts out a history in a store with a registry and an older project's run."""
    project = copy_toy(tmp_path_factory.mktemp("histories"), "metaflow")
    template = tmp_path_factory.mktemp("template")
    with tarfile.open(OLDER) as archive:
        archive.extractall(template, filter="data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        patch.syspath_prepend(str(project.root / "src"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr("mlpo_kit.store.folder.FolderStore", Fragile)
        patch.setattr(runner, "write_start", lambda run: None)  # the world writes run.json
        patch.setattr(deletion, "_delete_run", make_fragile(deletion._delete_run))
        for module in (key, runner):
            for name in PURE:
                if hasattr(module, name):  # the runner imports some of them
                    patch.setattr(module, name, functools.cache(getattr(module, name)))
        forget_toy()
        logging.disable()

        def ask(history: dict[str, Any]) -> str | None:
            with tempfile.TemporaryDirectory() as folder:
                return act(history, Path(folder) / "store", template)

        yield ask
        logging.disable(logging.NOTSET)
        forget_toy()


def check_history(act_out: Act, events: Any, policy: Any) -> None:
    wrong = act_out({"events": events, "policy": policy})
    assert wrong is None, wrong


QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.slow
@settings(max_examples=6, **QUIET)
@given(st.lists(events, min_size=3, max_size=14), policies)
def test_after_a_few_histories_needed_files_exist_and_others_are_deleted(
    act_out: Act, events: Any, policy: dict[str, Any]
) -> None:
    check_history(act_out, events, policy)


@pytest.mark.full
@pytest.mark.slow
@settings(max_examples=200, **QUIET)
@given(st.lists(events, min_size=3, max_size=14), policies)
def test_after_many_histories_needed_files_exist_and_others_are_deleted(
    act_out: Act, events: Any, policy: dict[str, Any]
) -> None:
    check_history(act_out, events, policy)
