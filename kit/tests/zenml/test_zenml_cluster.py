"""A run on a cluster: its pods, and the errors that stop it before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from cluster.lint import find_problems
from cluster.samples import TRAIN, make_cluster, make_settings
from cluster.services import SPACE, Services, configure, serving
from zenrun import forget_pipeline

from mlpo_kit import PipelineError
from mlpo_kit.cluster import image, pods
from mlpo_kit.cluster.manifests import render_manifests
from mlpo_kit.config.project import Project
from mlpo_kit.config.sections import Resources
from mlpo_kit.config.settings import check_settings, read_profile
from mlpo_kit.zenml import adapter, server, submit
from mlpo_kit.zenml.cluster import (
    SERVER_KEY,
    ZenmlCluster,
    ZenmlPart,
    describe_pod,
    find_cluster,
    read_zenml_cluster,
)
from mlpo_kit.zenml.obstacles import find_all_obstacles, find_context

pytestmark = pytest.mark.parametrize("toy", ["zenml"], indirect=True)

STAGES = ("ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy")
PROFILE = {
    "compute": "kubernetes",
    "storage_root": "/mnt/store",
    "train": {"device": "cuda", "processes": 1},
    "resources": {
        "train": {**vars(TRAIN), "retries": 2, "timeout_hours": 12},
        "evaluate": {"cpu": 2, "memory_mb": 8192},
    },
}
PART = {
    "server": "http://zenml.test",
    "artifact_store": "s3://bucket/zenml",
    "kubernetes_context": "test",
}


@pytest.fixture(autouse=True)
def project(toy: Project) -> Iterator[Project]:
    """The small project, with newly made steps."""
    forget_pipeline()
    yield toy
    forget_pipeline()


def make_zenml_cluster(**changes: Any) -> ZenmlCluster:
    """A cluster with every optional setting."""
    return ZenmlCluster(**{**vars(make_cluster()), **changes}, zenml=ZenmlPart(**PART))


def write_description(project: Project, **changes: Any) -> None:
    kept = ("gpu_type", "tolerations", "server")  # as the default has them
    values = {name: value for name, value in vars(make_cluster()).items() if name not in kept}
    document = {**values, "zenml": PART, **changes}
    path = project.root / "deploy" / "cluster.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    started = Services()
    with serving(started):
        yield started


@pytest.fixture
def online(
    services: Services, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Services:
    services.have_all()
    configure(tmp_path, services.url)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return services


@pytest.mark.slow
def test_each_pod_gets_what_the_description_and_the_profile_say(project: Project) -> None:
    (project.configs / "cluster.yaml").write_text(yaml.safe_dump(PROFILE), encoding="utf-8")
    write_description(project)
    document = read_profile("cluster")
    settings, cluster = check_settings(document), make_zenml_cluster()
    own = adapter.render_manifests(settings, document)
    made = render_manifests(settings, cluster, "cluster", own, adapter.PRUNE_COMMAND)
    assert find_problems(made, cluster, "1.35") == []
    parent, *jobs = made["jobs"]
    by_name = {job["metadata"]["labels"]["step_name"]: job for job in jobs}
    assert list(by_name) == ["ingest", "preprocess", "validate", "train_lookup", *STAGES[3:]]
    for name, job in by_name.items():
        asked = settings.resources.get(name, Resources())
        pod = job["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"] == image.name_image(cluster)
        assert container["resources"] == pods.make_resources(cluster, asked)
        wanted = pods.make_environment(cluster, asked)
        assert [variable for variable in container["env"] if variable in wanted] == wanted
        assert container["volumeMounts"] == pods.make_mounts(settings, asked)
        assert container["securityContext"] == {
            "privileged": False,
            **pods.make_container_security(),
        }
        assert pod["volumes"] == pods.make_volumes(cluster, settings, asked)
        assert pod.get("tolerations", []) == (pods.make_tolerations(cluster) if asked.gpu else [])
        assert pod.get("nodeSelector") == (cluster.node_selector if asked.gpu else None)
        assert pod["automountServiceAccountToken"] is False
        assert job["metadata"]["labels"][pods.QUEUE] == "team-queue"
        assert job["spec"]["backoffLimit"] == (2 if name == "train" else 0)
        hours = 12 if name == "train" else settings.retention.max_run_hours
        assert job["spec"]["activeDeadlineSeconds"] == hours * 3600
    gpus = {name: str(job).count("'nvidia.com/gpu': '1'") for name, job in by_name.items()}
    assert gpus == {name: 2 * (name == "train") for name in by_name}

    for job in (parent, *jobs):
        pod = job["spec"]["template"]["spec"]
        assert (job["metadata"]["namespace"], pod["serviceAccountName"]) == ("team", "trainer")
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        assert pod["securityContext"] == pods.make_pod_security()
        assert job["spec"]["ttlSecondsAfterFinished"] == cluster.ttl_seconds
        variables = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
        assert variables["ZENML_CUSTOM_SOURCE_ROOT"] == "/app"
        assert variables["MLPO_KIT_PROJECT"] == "/app"
        assert variables["MLPO_KIT_VERSION"] == metadata.version("mlpo-kit")
        assert SERVER_KEY not in variables
    assert parent["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
    assert parent["spec"]["activeDeadlineSeconds"] == settings.retention.max_run_hours * 3600
    assert pods.QUEUE not in parent["metadata"]["labels"]  # it waits for those that wait there

    assert [document["kind"] for document in made["rbac"]] == ["Role", "RoleBinding"]
    assert SERVER_KEY in str(made["prune"][-1])
    assert SERVER_KEY not in str(made["serving"])


def test_a_patch_of_pods_reaches_zenml_or_is_refused(project: Project) -> None:
    patches = project.root / "deploy" / "patches.py"
    settings, cluster = make_settings(), make_zenml_cluster()
    patches.write_text(
        "def pod(spec, stage):\n"
        "    spec['priorityClassName'] = stage\n"
        "    spec['containers'][0]['env'].append({'name': 'A', 'value': stage})\n"
        "    spec['tolerations'] = [{'key': 'mine', 'operator': 'Exists'}]\n"
        "    return spec\n"
    )
    made = describe_pod(cluster, settings, "train", TRAIN)
    assert made["additional_pod_spec_args"]["priority_class_name"] == "train"
    assert made["env"][-1] == {"name": "A", "value": "train"}
    assert made["tolerations"] == [{"key": "mine", "operator": "Exists"}]
    patches.write_text(
        "def pod(spec, stage):\n"
        "    spec['containers'][0]['lifecycle'] = {'preStop': {'exec': {'command': ['true']}}}\n"
        "    return spec\n"
    )
    with pytest.raises(
        PipelineError, match="no field for this part of the pod of steps: lifecycle"
    ):
        describe_pod(cluster, settings, "", Resources())


def test_examples_a_base_without_a_digest_and_a_wrong_description_stop_a_run(
    project: Project,
) -> None:
    document = {"compute": "kubernetes", "storage_root": "s3://bucket/x"}
    chosen = check_settings({**read_profile("local"), **document})
    write_description(project, image="registry.example.com/digits")
    with pytest.raises(PipelineError, match=r"image in deploy/cluster\.yaml: registry\.example"):
        find_cluster(chosen)

    write_description(project, zenml={**PART, "server": "http://zenml.example.com"})
    with pytest.raises(PipelineError, match=r"zenml\.server in deploy/cluster\.yaml: http://zenml"):
        find_cluster(chosen)

    write_description(project)
    base = project.root / "deploy" / "base-image"
    base.write_text("python:3.11\n", encoding="utf-8")
    with pytest.raises(PipelineError, match="names no digest yet"):
        find_cluster(chosen)

    base.write_text(f"python@sha256:{'0' * 64}\n", encoding="utf-8")
    assert find_cluster(chosen).zenml.server == "http://zenml.test"

    write_description(project, zenml={"sever": "http://zenml.test"})
    with pytest.raises(PipelineError, match=r"zenml\.sever") as caught:
        find_cluster(chosen)
    assert "server" in str(caught.value)

    other = check_settings({**read_profile("local"), **document, "compute": "batch"})
    with pytest.raises(PipelineError, match="compute is batch, but ZenML runs only on kubernetes"):
        read_zenml_cluster(other)


def test_a_missing_server_or_a_refused_key_stops_a_run(online: Services) -> None:
    url = f"{online.url}/zenml"
    ours = metadata.version("zenml")
    with pytest.raises(PipelineError, match="ZENML_STORE_API_KEY is not set"):
        server.check_server(url, None)
    with pytest.raises(PipelineError, match="ZENML_STORE_URL is sqlite://, which is no server"):
        server.check_server("sqlite://", "key")
    with pytest.raises(PipelineError, match=r"can't be reached: .*If only pods reach it"):
        server.check_server("http://127.0.0.1:9", "key")
    with pytest.raises(PipelineError, match="is no ZenML server"):
        server.check_server(url, "key")

    online.documents |= {"/zenml/api/v1/info": {"version": "0.1"}, "/zenml/api/v1/login": {}}
    with pytest.raises(PipelineError, match=f"is of version 0.1, but ZenML here is {ours}"):
        server.check_server(url, "key")
    online.documents["/zenml/api/v1/info"] = {"version": ours}
    online.refused["/zenml/api/v1/login"] = 401
    with pytest.raises(PipelineError, match="does not take the key in ZENML_STORE_API_KEY"):
        server.check_server(url, "key")
    online.refused.clear()
    assert server.check_server(url, "key") == "key"


@pytest.mark.slow
def test_another_cluster_or_a_missing_part_of_it_stops_a_run(
    online: Services, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"compute": "kubernetes", "storage_root": "/mnt/store"}
    chosen = check_settings({**read_profile("local"), **document})
    values = vars(online.cluster())
    with monkeypatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "test")
        patched.setenv("AWS_ENDPOINT_URL", online.url)
        base = project.root / "deploy" / "base-image"
        base.write_text(f"python@sha256:{'0' * 64}\n", encoding="utf-8")
        tag = image.make_tag("cuda")
        online.documents[f"/v2/team/digits/manifests/{tag}"] = {}
        whole = ZenmlCluster(**values, zenml=ZenmlPart(**PART))
        assert find_all_obstacles(chosen, whole) == []

        nameless = {**values, "service_account": None}
        elsewhere = ZenmlPart(
            **{**PART, "kubernetes_context": "other", "artifact_store": "s3://gone/z"}
        )
        found = find_all_obstacles(chosen, ZenmlCluster(**nameless, zenml=elsewhere))
    name = f"{pods.make_object_name(chosen.project)}-zenml"
    missing = f"there is no service account {name} in the namespace team: run `make manifests`"
    assert missing in found[1]
    assert found[0].startswith("kubectl uses the context test, but deploy/cluster.yaml names other")
    assert found[2].startswith("zenml.artifact_store of deploy/cluster.yaml: there is no bucket")
    assert len(found) == 3

    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(PipelineError, match="the configuration of kubectl can't be used"):
        find_context()
    assert f"{SPACE}/serviceaccounts/{name}" in " ".join(online.asked)


def test_a_failed_run_reports_the_reasons() -> None:
    def step(status: str, said: str | None = None) -> SimpleNamespace:
        info = SimpleNamespace(message=said) if said else None
        return SimpleNamespace(status=SimpleNamespace(value=status), exception_info=info)

    steps = {"train": step("failed", "out of memory"), "ingest": step("completed")}
    steps["deploy"] = step("failed")
    state = SimpleNamespace(value="failed", is_successful=False)
    run = SimpleNamespace(status=state, steps=steps)
    client = SimpleNamespace(get_pipeline_run=lambda *_, **__: run)
    reasons = r"the run x is failed\n  train: out of memory\n  deploy: its pod"
    with pytest.raises(PipelineError, match=reasons):
        submit.check_outcome(client, "x")
    state.is_successful = True
    submit.check_outcome(client, "x")
