"""The run parameter `settings`: what it takes, and what comes too late."""

from __future__ import annotations

import pytest
from kfp_project import KUBEFLOW

from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import read_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.changes import apply_run_settings, parse_changes


@pytest.mark.parametrize(
    "text", ["train.epochs=5 train.model='[1, 2]'", '["train.epochs=5", "train.model=[1, 2]"]']
)
def test_it_is_a_list_in_two_forms(text: str) -> None:
    assert parse_changes(text) == ["train.epochs=5", "train.model=[1, 2]"]


@pytest.mark.parametrize("text", ["[1", "train.epochs='5"])
def test_what_is_neither_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(PipelineError, match=r"neither a list of changes such as train\.epochs=5"):
        parse_changes(text)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ("resources.train.gpu=2", "resources.train.gpu: fixed"),
        ("storage_root=/tmp train.nodes=2", "storage_root, train.nodes: fixed"),
        ("retention.max_run_hours=1", "retention.max_run_hours: fixed"),
        ("'train={nodes: 2}'", "train: fixed"),
        ("compute=local", "compute: fixed"),
    ],
)
@KUBEFLOW
def test_what_a_compiled_pipeline_has_for_good_is_refused_by_name(
    toy: Project, changes: str, named: str
) -> None:
    with pytest.raises(PipelineError, match=named):
        apply_run_settings(read_profile("cluster"), changes)


@KUBEFLOW
def test_where_several_machines_train_what_their_job_has_is_fixed_too(toy: Project) -> None:
    profile = read_profile("cluster")
    assert apply_run_settings(profile, "train.threads=3").train.threads == 3
    several = read_profile("cluster", ["train.nodes=2"])
    with pytest.raises(PipelineError, match=r"train.threads: fixed .*--set train.threads=..."):
        apply_run_settings(several, "train.threads=3")


@KUBEFLOW
def test_the_bound_of_the_gate_is_no_constant_of_the_pipeline(toy: Project) -> None:
    settings = apply_run_settings(read_profile("cluster"), "register.min_accuracy=0.7")
    assert settings.register.min_accuracy == 0.7


@KUBEFLOW
def test_a_text_of_digits_stays_one(toy: Project) -> None:
    digits = "0123" * 16
    settings = apply_run_settings(read_profile("cluster"), f"ingest.version={digits}")
    assert settings.ingest.version == digits
