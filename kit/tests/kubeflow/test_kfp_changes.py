"""The run parameter `settings`: which settings are fixed at compile time."""

from __future__ import annotations

import pytest
from kfp_project import KUBEFLOW

from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import read_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.handover import change_settings


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
        change_settings(read_profile("cluster"), changes)


@KUBEFLOW
def test_where_several_machines_train_what_their_job_has_is_fixed_too(toy: Project) -> None:
    profile = read_profile("cluster")
    assert change_settings(profile, "train.threads=3").train.threads == 3
    several = read_profile("cluster", ["train.nodes=2"])
    with pytest.raises(PipelineError, match=r"train.threads: fixed .*--set 'train.threads=3'"):
        change_settings(several, "train.threads=3")


@KUBEFLOW
def test_the_bound_of_the_gate_is_no_constant_of_the_pipeline(toy: Project) -> None:
    settings = change_settings(read_profile("cluster"), "register.min_accuracy=0.7")
    assert settings.register.min_accuracy == 0.7


@KUBEFLOW
def test_a_text_of_digits_stays_text(toy: Project) -> None:
    digits = "0123" * 16
    settings = change_settings(read_profile("cluster"), f"ingest.version={digits}")
    assert settings.ingest.version == digits
