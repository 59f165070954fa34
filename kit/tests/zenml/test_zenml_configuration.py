"""ZenML's configuration of a run, from the profile, the cluster, the pipeline file and YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.samples import make_cluster, make_settings
from zenrun import forget_pipeline

from mlpo_kit import PipelineError, load_pipeline
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import check_settings, read_profile
from mlpo_kit.zenml.cluster import ZenmlCluster, ZenmlPart
from mlpo_kit.zenml.configuration import build_options, derive_configuration, find_file
from mlpo_kit.zenml.configuration_checks import find_problems
from mlpo_kit.zenml.drawing import draw, load_training

pytestmark = pytest.mark.parametrize("toy", ["zenml"], indirect=True)
STAGES = ("ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy")


@pytest.fixture(autouse=True)
def project(toy: Project) -> Iterator[Project]:
    """The small project, with newly made steps."""
    forget_pipeline()
    yield toy
    forget_pipeline()


def make_options(trials: int = 0, profile: str = "local", *changes: str) -> dict[str, Any]:
    """Build the options of a run on this machine."""
    training = load_training()
    settings = check_settings(read_profile(profile, changes))
    return build_options(settings, training, draw(training.copy(), trials))


def write_configuration(project: Project, document: Any) -> Path:
    file = project.configs / "zenml" / "local.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"setings": {}}, "setings: not known; did you mean settings?"),
        ({"enable_cache": True}, "enable_cache: not here: ZenML's cache does not see"),
        ({"parameters": {"epochs": 3}}, "parameters: not here: the settings of a run"),
        ({"run_name": "x"}, "run_name: not here"),
        ({"execution_mode": "continue_on_failure"}, "execution_mode: the pipeline decides this"),
        ({"retry": {"retries": 3}}, "retry.retries: not known; did you mean max_retries?"),
        ({"retry": {"max_retries": -1}}, "retry.max_retries: Input should be greater than 0"),
        ({"settings": {"dokcer": {}}}, "settings.dokcer: not known; there is: docker"),
        ({"settings": {"docker": {"parent_imag": "x"}}}, "did you mean parent_image?"),
        ({"settings": {"resources": {"gpu_count": 1}}}, "settings.resources: not here"),
        ({"steps": {"train": {"enable_cache": True}}}, "steps.train.enable_cache: not here"),
        ({"steps": {"train": {"seting": {}}}}, "steps.train.seting: not known; did you mean"),
        ({"steps": {"trian": {}}}, "steps.trian: there is no such step; did you mean train?"),
        (
            {"settings": {"orchestrator": {"pod_settings": {"node_selector": {"a": "b"}}}}},
            "settings.orchestrator.pod_settings.node_selector: not known; did you mean",
        ),
        (
            {"settings": {"orchestrator": {"pod_settings": {"tolerations": [{"efect": "x"}]}}}},
            "pod_settings.tolerations: Got value for attribute efect",
        ),
        (["a list"], "it must consist of `name: value` lines"),
        (None, "it must consist of `name: value` lines"),
    ],
)
def test_what_zenml_would_ignore_in_a_run_configuration_is_refused(
    project: Project, document: Any, problem: str
) -> None:
    file = write_configuration(project, document)
    found = find_problems(file, STAGES)
    assert any(problem in words for words in found), found
    with pytest.raises(PipelineError, match="is wrong:\n  "):
        make_options()


def test_resources_of_a_stage_that_is_not_there_and_several_machines_are_refused() -> None:
    with pytest.raises(PipelineError, match=r"resources\.trian: there is no such stage; did you"):
        make_options(0, "local", "resources.trian.cpu=1")
    with pytest.raises(PipelineError, match="nodes is 2, but a step of ZenML runs on one machine"):
        make_options(0, "local", "train.nodes=2")


def test_resources_and_retries_follow_from_the_profile_and_the_users_own_win(
    project: Project,
) -> None:
    retry = ("local", "resources.train.retries=2")
    default = make_options()["steps"]["train"]["retry"]
    assert default == {"max_retries": 1}  # what learns is tried once more
    assert "retry" not in make_options(0, "local", "resources.train.retries=0")["steps"]["train"]
    assert make_options(0, *retry)["steps"] == {
        "train": {
            "retry": {"max_retries": 2},
            "settings": {"resources": {"cpu_count": 2, "gpu_count": 0, "memory": "4096MiB"}},
        }
    }
    # Each trial of a sweep has what `train` asks for; the step that chooses has not.
    swept = make_options(2, *retry)["steps"]
    assert swept.keys() == {"trial_1", "trial_2"}
    assert swept["trial_2"]["retry"] == {"max_retries": 2}

    write_configuration(
        project, {"tags": ["mine"], "steps": {"train": {"retry": {"max_retries": 7}}}}
    )
    options = make_options(2, *retry)
    assert options["tags"] == ["mine"]
    assert options["steps"]["trial_1"]["retry"] == {"max_retries": 7}
    write_configuration(project, {"retry": {"max_retries": 5}})
    options = make_options(0, *retry)
    assert options["retry"].max_retries == 5
    assert "retry" not in options["steps"]["train"]


def test_a_retry_in_the_pipeline_file_wins_also_in_a_sweep(project: Project) -> None:
    path = project.root / "pipeline" / "training.py"
    own = "train.with_options(retry=StepRetryConfig(max_retries=3))(settings, dataset, splits)"
    text = path.read_text().replace("train(settings, dataset, splits)", own)
    path.write_text(
        text.replace(
            "from zenml import",
            "from zenml.config.retry_config import StepRetryConfig\nfrom zenml import",
        )
    )
    training = load_training()
    settings = check_settings(read_profile("local", ["resources.train.retries=1"]))
    for trials, name in ((0, "train"), (1, "trial_1")):
        drawn = draw(training.copy(), trials)
        assert drawn[name].step.configuration.retry.max_retries == 3
        assert "retry" not in build_options(settings, training, drawn)["steps"][name]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"settings": {"docker": {"parent_image": "other"}}}, "settings.docker.parent_image"),
        (
            {"settings": {"orchestrator.kubernetes": {"ttl_seconds_after_finished": 5}}},
            "settings.orchestrator.kubernetes.ttl_seconds_after_finished",
        ),
        (
            {"settings": {"orchestrator": {"pod_settings": {"tolerations": [{"key": "gpu"}]}}}},
            "settings.orchestrator.pod_settings.tolerations",
        ),
        (
            {"steps": {"train": {"settings": {"orchestrator": {"pod_settings": {"env": []}}}}}},
            "steps.train.settings.orchestrator.pod_settings.env",
        ),
    ],
)
def test_values_that_follow_from_the_cluster_are_refused(
    project: Project, document: Any, place: str
) -> None:
    part = ZenmlPart(server="http://zenml.test", artifact_store="s3://bucket/zenml")
    cluster = ZenmlCluster(**vars(make_cluster()), zenml=part)
    derived = derive_configuration(make_settings(), set(load_pipeline().names), cluster)
    file = write_configuration(project, document)
    assert find_problems(file, STAGES, derived) == [
        f"{place}: not here: it follows from deploy/cluster.yaml and the profile"
    ]
    free = {"orchestrator": {"pod_settings": {"scheduler_name": "mine"}}}  # nobody else says it
    file = write_configuration(project, {"steps": {"train": {"settings": free}}})
    assert find_problems(file, STAGES, derived) == []


def test_the_run_configuration_is_named_after_compute(project: Project) -> None:
    assert find_file(make_settings()) == project.configs / "zenml" / "kubernetes.yaml"
