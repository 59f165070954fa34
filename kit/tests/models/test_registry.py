"""The registry: versions and rollback, which versions hold their weights, and older projects."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MakeRun

from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.models.registry import CHAMPION, KEEP, Registry, Version, open_registry
from mlpo_kit.models.tracking import Lineage, connect
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store import Ref

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("registry")]

LINEAGE = Lineage("1", "data", "code", {"train.epochs": 3}, {"accuracy": 0.9}, [])


def find_champion(run: Run) -> Version | None:
    return open_registry(run.settings).champion()


def make_model(number: int) -> Ref:
    return Ref(f"store://runs/{number}/train/model.json", f"{number:064d}", 10)


def add_old_version(registry: Any, name: str) -> None:
    """Register a version without a schema, as older projects did."""
    client = connect(registry)
    run = client.create_run(client.create_experiment(name), run_name="1795890303807212")
    client.create_registered_model(name)
    model = make_model(1)
    tags = {
        "digest": model.sha256,
        "uri": model.uri,
        "size": "10",
        "accuracy": "0.9925650557620818",
        "dataset_version": "247f341abccf",
        "run_id": "1795890303807212",
        "code_digest": "577804f4c599",
    }
    client.create_model_version(name, model.uri, run.info.run_id, tags)
    client.set_registered_model_tag(name, "champion_history", "1")
    client.set_registered_model_alias(name, CHAMPION, "1")


def read_everything(registry: Any, name: str) -> Any:
    client = connect(registry)
    model, version = client.get_registered_model(name), client.get_model_version(name, "1")
    return model.aliases, model.tags, version.tags, version.last_updated_timestamp


def test_versions_of_an_older_project_are_recognized_and_left_alone(make_run: MakeRun) -> None:
    run = make_run()
    place = run.settings.local_root / "registry"
    add_old_version(place, "toy")
    before = read_everything(place, "toy")

    registry = open_registry(run.settings)
    assert registry.champion() is None
    assert registry.find(make_model(1).sha256) is None
    assert registry.list_versions() == []
    with pytest.raises(PipelineError, match=r"an older project or .*register\.model_name"):
        run_pipeline(run)
    assert read_everything(place, "toy") == before

    renamed = make_run("2", register={"model_name": "toy-2"})
    assert run_pipeline(renamed)["deploy"].version == 1
    assert [version.name for version in registry.list_versions()] == ["toy-2"]
    assert read_everything(place, "toy") == before


def test_rollback_brings_the_previous_champion_back(make_run: MakeRun) -> None:
    first = make_run("1")
    second = make_run("2", train={"learning_rate": 0.004}, register={"max_regression": 1})
    run_pipeline(first)
    old = find_champion(first)
    run_pipeline(second)
    assert find_champion(second) != old

    registry = open_registry(second.settings)
    assert registry.rollback(second.store) == old
    assert find_champion(second) == old
    with pytest.raises(PipelineError, match="no champion before"):
        registry.rollback(second.store)


def test_rollback_refuses_a_version_whose_weights_are_gone(make_run: MakeRun) -> None:
    first = make_run("1")
    second = make_run("2", train={"learning_rate": 0.004}, register={"max_regression": 1})
    run_pipeline(first)
    run_pipeline(second)
    registry, champion = open_registry(second.settings), find_champion(second)
    registry.mark_pruned("toy", 1)
    with pytest.raises(PipelineError, match=r"the weights of version 1.* are gone"):
        registry.rollback(second.store)
    assert find_champion(second) == champion

    # A run that trains the same model again restores them.
    third = make_run("3", use_cache=False, register={"max_regression": 1})
    assert run_pipeline(third)["register"].is_new is False
    version = registry.find(run_pipeline(first)["train"].model.sha256)
    assert version is not None
    assert (version.is_pruned, version.run_id) == (False, "3")


def test_aliases_marks_and_the_previous_champion_hold_their_weights(make_run: MakeRun) -> None:
    run = make_run()
    registry = Registry("toy", run.settings.local_root)
    for number in range(1, 6):
        registry.register(make_model(number), LINEAGE, "accuracy", 0.9)
    registry.promote(1)
    registry.promote(2)
    client = connect(run.settings.local_root / "registry")
    client.set_registered_model_alias("toy", "shadow", "3")
    client.set_model_version_tag("toy", "4", KEEP, "")
    held = {version.number: version.held for version in registry.list_versions()}
    assert held == {1: "the champion before", 2: CHAMPION, 3: "shadow", 4: "marked keep", 5: ""}
