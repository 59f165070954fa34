"""Changes of settings for one run of a compiled pipeline: their forms, and which are refused."""

from __future__ import annotations

import pytest

from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.changes import apply_changes, parse_changes


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("", []),
        ("train.epochs=5 train.patience=3", ["train.epochs=5", "train.patience=3"]),
        ("'model.blocks=[1, 2]'", ["model.blocks=[1, 2]"]),
        ('["a.b=[1, 2]", "c=x y"]', ["a.b=[1, 2]", "c=x y"]),
    ],
)
def test_changes_are_parsed_from_words_or_a_json_list(text: str, changes: list[str]) -> None:
    assert parse_changes(text) == changes


@pytest.mark.parametrize("text", ["[1, 2]", '["a.b=1"', "'a.b=1"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(PipelineError, match="settings: "):
        parse_changes(text)


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
def test_a_change_of_a_compiled_setting_is_refused(toy: Project, change: str) -> None:
    document = {"project": "toy", "train": {"epochs": 1}, "resources": {}}
    name = change.partition("=")[0]
    words = f"^seed, {name}: fixed when the pipeline was compiled, .* --set 'seed=1'$"
    with pytest.raises(PipelineError, match=words):
        apply_changes(document, ["seed=1", change, "train.epochs=5"], ["train.nodes", "seed"])


def test_changes_of_other_settings_are_applied(toy: Project) -> None:
    document = {"project": "toy", "train": {"epochs": 1, "nodes": 1}}
    digits = "0123" * 16  # of a text
    changes = ["train={epochs: 5, nodes: 1}", "project=toy", f"ingest.version={digits}"]
    changed = apply_changes(document, changes, ["train.nodes"])
    assert changed["train"] == {"epochs": 5, "nodes": 1}
    assert (changed["project"], changed["ingest"]) == ("toy", {"version": digits})
