"""The manifests of a project, and the parts that all its pods have in common."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cluster.lint import find_problems
from cluster.samples import TRAIN, make_cluster, make_settings
from mlpo_kit.cluster import pods
from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.manifests import check_manifests, render_manifests, write_manifests
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.cluster.workloads import describe_files, render_workloads
from mlpo_kit.config.project import Project
from mlpo_kit.config.sections import Resources
from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError

PROFILE = "compute: kubernetes\nstorage_root: s3://bucket/digits\n"
OWN: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}, "data": {}}

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def project(toy: Project) -> Project:
    """The small project with a team's profile."""
    (toy.configs / "team.yaml").write_text(PROFILE)
    return toy


def write(rendered: dict[str, list[Manifest]] | None = None, **options: Any) -> None:
    """Write the manifests of an orchestrator that renders the given files."""
    settings, own = load_settings("team"), {"own": [OWN]} if rendered is None else rendered
    cluster = read_cluster(Cluster, settings)
    files = render_manifests(settings, cluster, "team", own, **options)
    write_manifests(files, describe_files(settings, cluster))


def read(project: Project, stem: str) -> dict[str, Manifest]:
    """Read the documents of a file, by kind."""
    text = (project.root / "build" / "manifests" / f"{stem}.yaml").read_text(encoding="utf-8")
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def read_files(project: Project) -> dict[str, bytes]:
    folder = project.root / "build" / "manifests"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_settings_give_the_same_files_and_stale_files_are_deleted(
    project: Project,
) -> None:
    write({"own": [OWN], "old": [OWN]})
    first = read_files(project)
    assert set(first) == {"own.yaml", "old.yaml", "serving.yaml", "prune.yaml"}
    assert b"kubectl -n default rollout restart deployment/toy" in first["serving.yaml"]
    (project.root / "build" / "manifests" / "mine.yaml").write_text("a: 1\n")
    write()
    assert read_files(project) == {
        **{name: text for name, text in first.items() if name != "old.yaml"},
        "mine.yaml": b"a: 1\n",
    }


def test_files_hold_what_was_rendered(project: Project) -> None:
    shares: Manifest = {"name": "own", "labels": {"a": "b"}}
    text = {"a": "two\nlines  \n", "b": "'quoted': \"twice\"", "c": "no", "d": "1e3", "e": " x"}
    rendered = {**OWN, "metadata": shares, "data": text}
    write({"own": [rendered, {**rendered, "kind": "Secret"}]})
    assert read(project, "own") == {"ConfigMap": rendered, "Secret": {**rendered, "kind": "Secret"}}
    assert b"&id" not in read_files(project)["own.yaml"]


def test_the_server_and_the_prune_mount_the_settings_files(project: Project) -> None:
    write()
    before = read(project, "serving")
    data = before["ConfigMap"]["data"]
    assert data["team.yaml"] == PROFILE
    assert data["base.yaml"] == (project.configs / "base.yaml").read_text(encoding="utf-8")
    assert read(project, "prune")["ConfigMap"] == before["ConfigMap"]
    assert b"\n  team.yaml: |\n    compute: k" in read_files(project)["serving.yaml"]

    (project.configs / "team.yaml").write_text(f"{PROFILE}# another day\n")
    write()
    after = read(project, "serving")
    pod = after["Deployment"]["spec"]["template"]["spec"]
    assert pod["volumes"][-1]["configMap"] == {"name": after["ConfigMap"]["metadata"]["name"]}
    assert pod["volumes"][-1] != before["Deployment"]["spec"]["template"]["spec"]["volumes"][-1]
    assert pod["containers"][0]["volumeMounts"][-1]["mountPath"] == "/app/configs"
    assert "mlpo_kit.cli serve --profile team" in " ".join(pod["containers"][0]["command"])


def test_the_prune_runs_the_orchestrators_command_or_is_not_rendered(project: Project) -> None:
    write(prune=("-m", "somewhere"))
    spec = read(project, "prune")["CronJob"]["spec"]
    (work,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert work["command"] == ["python", "-m", "somewhere", "--profile", "team", "--apply"]
    assert spec["concurrencyPolicy"] == "Forbid"
    write(prune=None)
    assert "prune.yaml" not in read_files(project)


def test_a_profile_for_batch_has_no_manifests_of_kubernetes(project: Project) -> None:
    (project.configs / "team.yaml").write_text(PROFILE.replace("kubernetes", "batch"))
    write({})
    assert not (project.root / "build").exists()


def test_a_check_reports_a_problem_of_each_document(project: Project) -> None:
    broken = {**OWN, "dat": {}}
    job = {"apiVersion": "batch/v1", "kind": "Jobb", "metadata": {"name": "x"}}
    argo = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "x"}}
    more = ["the flow has a step without a place"]
    with pytest.raises(PipelineError) as wrong:
        check_manifests({"own": [broken, job], "argo": [argo]}, "1.35", more)
    assert str(wrong.value).splitlines() == [
        "the manifests have problems:",
        "  - own.yaml: ConfigMap own: there is no field dat; did you mean data?",
        "  - own.yaml: Jobb x: Kubernetes 1.35 has no Jobb in apiVersion batch/v1",
        "  - the flow has a step without a place",
    ]
    fine = render_workloads(load_settings("team"), make_cluster(), "team")
    assert check_manifests(fine, "1.37") == "6 manifests for Kubernetes 1.37: no problems found"


@pytest.mark.parametrize("version", ["1.9", "1.24", "1.99", "1.100"])
def test_a_release_without_schemas_is_an_error_that_names_the_available_ones(
    version: str,
) -> None:
    words = rf"no schemas of Kubernetes {version}, only of 1\.\d+ to 1\.\d+"
    with pytest.raises(PipelineError, match=words):
        check_manifests({"own": [OWN]}, version)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["digits", "My_Project", "a" * 70, "9lives", "-", "", "Zürich", "a/b: {c}", "a--b"]
)
def test_any_project_name_gives_a_name_that_kubernetes_accepts(name: str) -> None:
    settings, cluster = make_settings(project=name), make_cluster()
    assert find_problems(render_workloads(settings, cluster, "local"), cluster) == []


def test_different_texts_give_different_names() -> None:
    names = ["digits", "Digits!", "digits?", "d" * 50, "d" * 51, "1", "p-1", "ä", "ö"]
    assert len({pods.make_object_name(name) for name in names}) == len(names)
    assert pods.make_object_name("my_project") == "my-project"


def test_only_a_task_with_a_gpu_gets_shared_memory_and_tolerations() -> None:
    settings, cluster = make_settings(), make_cluster()
    for asked, gpu in ((TRAIN, True), (Resources(), False)):
        work = pods.make_container("work", ["work"], cluster, settings, asked)
        spec = pods.make_pod_spec(work, cluster, settings, asked)
        amounts = work["resources"]
        assert amounts["requests"] == amounts["limits"]
        assert amounts["limits"].get("nvidia.com/gpu") == ("1" if gpu else None)
        assert ("tolerations" in spec, "nodeSelector" in spec) == (gpu, gpu)
        shm = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8192Mi"}}
        assert (shm in spec["volumes"]) == gpu
        places = [mount["mountPath"] for mount in work["volumeMounts"]]
        assert places == ["/tmp", *(["/dev/shm"] if gpu else []), "/mnt/store"]


def test_a_store_in_a_bucket_needs_no_volume() -> None:
    settings, cluster = make_settings(storage_root="s3://bucket"), make_cluster()
    work = pods.make_container("work", ["work"], cluster, settings, Resources())
    assert [mount["name"] for mount in work["volumeMounts"]] == ["tmp"]
    assert len(pods.make_volumes(cluster, settings, Resources())) == 1


def test_variables_have_values_and_secrets_are_references() -> None:
    cluster = make_cluster(variables={"OMP_NUM_THREADS": "3", "B": "b"})
    assert pods.make_environment(cluster, Resources(cpu=8)) == [
        {"name": "OMP_NUM_THREADS", "value": "3"},
        {"name": "MLFLOW_TRACKING_URI", "value": "http://mlflow.test:5000"},
        {"name": "B", "value": "b"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "key"}}},
        {"name": "ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}},
    ]


def test_a_pod_has_the_service_account_and_the_pull_secrets() -> None:
    settings, cluster = make_settings(), make_cluster()
    spec = pods.make_pod_spec({}, cluster, settings, Resources())
    assert spec["serviceAccountName"] == "trainer"
    assert spec["automountServiceAccountToken"] is False
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert pods.make_queue_labels(cluster) == {"kueue.x-k8s.io/queue-name": "team-queue"}
    assert pods.make_pod_spec({}, cluster, settings, TRAIN, calls_api=True)[
        "automountServiceAccountToken"
    ]
    bare = make_cluster(service_account=None, pull_secrets=[], queue=None, node_selector={})
    assert pods.make_queue_labels(bare) == {}
    spec = pods.make_pod_spec({}, bare, settings, TRAIN)
    assert not {"serviceAccountName", "imagePullSecrets", "nodeSelector"} & set(spec)
