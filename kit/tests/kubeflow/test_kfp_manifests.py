"""Manifests besides the pipeline: a volume claim, a role, a TrainJob."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from kfp_project import KUBEFLOW, change_yaml, describe_cluster, read_error

from mlpo_kit.cli.__main__ import main
from mlpo_kit.cluster import image
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.kubeflow.description import read_kubeflow_cluster
from mlpo_kit.kubeflow.manifests import render_own_manifests, render_role

pytestmark = KUBEFLOW


@pytest.fixture
def volume(toy: Project) -> Project:
    """The small project for a cluster with a volume, where two machines train."""
    describe_cluster(
        toy,
        image="registry.local/project",
        mlflow_uri="http://mlflow.local",
        namespace="team",
        volume_claim="team-store",
        volume_gib=7,
        storage_class="shared",
        queue="gpus",
        service_account="trainer",
    )
    change(toy, storage_root="/mnt/store", train={"nodes": 2})
    return toy


def change(toy: Project, **sections: Any) -> None:
    """Change the cluster's profile."""
    change_yaml(toy.configs / "cluster.yaml", sections)


@pytest.mark.slow
def test_a_volume_and_several_machines_need_three_files_more(volume: Project) -> None:
    assert main(["manifests"]) == 0
    files = {
        path.stem: list(yaml.safe_load_all(path.read_text()))
        for path in (volume.root / "build" / "manifests").iterdir()
    }
    assert files.keys() == {"serving", "store", "rbac", "trainjob"}
    claim, job = files["store"]
    assert (claim["metadata"]["name"], claim["metadata"]["namespace"]) == ("team-store", "team")
    assert claim["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "7Gi"}},
        "storageClassName": "shared",
    }
    pod = job["spec"]["template"]["spec"]
    assert pod["securityContext"]["fsGroup"] == 10001
    assert "'/mnt/store'" in pod["containers"][0]["command"][-1]
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    role, binding = files["rbac"]
    may = {kind: rule["verbs"] for rule in role["rules"] for kind in rule["resources"]}
    assert may == {
        "trainjobs": ["create", "get", "delete"],
        "pods": ["list"],
        "events": ["list"],
    }
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"][0]["name"] == "trainer"


def test_a_bucket_and_one_machine_need_none_of_them(toy: Project) -> None:
    assert render_own_manifests(load_settings("cluster")) == {}


@pytest.mark.slow
def test_manifests_and_pipelines_are_checked_together(
    volume: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate"]) == 0, capsys.readouterr().err
    assert "no problems found" in capsys.readouterr().out
    assert not (volume.root / "build" / "sweep.yaml").is_file()
    change(volume, train={"nodes": 1})  # so that the sweep is checked as well
    assert main(["validate"]) == 0, capsys.readouterr().err
    assert (volume.root / "build" / "sweep.yaml").is_file()


@pytest.mark.slow
def test_every_problem_of_the_pipelines_is_named(
    volume: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image, "name_image", lambda _: "registry.local/project:latest")
    change(volume, train={"nodes": 1}, resources={"train": {"gpu": 0}})
    error = read_error(capsys, "validate")
    for words in (
        "pipeline.yaml: exec-train: the image registry.local/project:latest can change",
        "prune.yaml: exec-prune: the image registry.local/project:latest can change",
        "train.device is cuda, but resources.train asks for no GPU",
    ):
        assert words in error


def test_without_an_account_the_role_is_that_of_kfps_own_tasks(volume: Project) -> None:
    describe_cluster(volume, service_account=None)
    settings = load_settings("cluster")
    _, binding = render_role(settings, read_kubeflow_cluster(settings))
    assert binding["subjects"][0]["name"] == "pipeline-runner"
