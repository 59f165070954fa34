"""The compiled pipeline has the intended tasks, resources, limits and conditions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_lint import find_broken_policies, find_problems
from kfp_project import BUCKET, KUBEFLOW, change_yaml, describe_cluster, edit_pipeline

from mlpo_kit.cluster import image, pods
from mlpo_kit.config.documents import merge
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import check_settings, read_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.compiling import compile_document, compile_prune
from mlpo_kit.kubeflow.description import read_kubeflow_cluster

pytestmark = KUBEFLOW

EVERYTHING: dict[str, Any] = {
    "volume_claim": "team-store",
    "variables": {"AWS_ENDPOINT_URL": "http://minio.storage:9000"},
    "secrets": {"s3": {"key": "AWS_SECRET_ACCESS_KEY"}},
    "pull_secrets": ["registry"],
    "node_selector": {"pool": "gpu"},
    "tolerations": [{"key": "team", "operator": "Equal", "value": "ml"}],
    "shared_memory_mb": 4096,
    "queue": "gpus",
    "ttl_seconds": 600,
}
TIMES = {"resources": {"train": {"retries": 2, "timeout_hours": 24}}}


def compile_ours(toy: Project, sweep: str | None = None, **sections: Any) -> str:
    """The small project's pipeline, compiled for its cluster."""
    document = merge(read_profile("cluster"), sections)
    return compile_document(document, sweep=sweep).path.read_text(encoding="utf-8")


def list_tasks(text: str) -> dict[str, Any]:
    """List every task of a compiled pipeline by name, also those under a condition."""
    pipeline = next(yaml.safe_load_all(text))
    parts = [pipeline["root"], *pipeline["components"].values()]
    return {
        name: task
        for part in parts
        for name, task in part.get("dag", {}).get("tasks", {}).items()
        if not name.startswith("condition")
    }


def list_pods(text: str) -> dict[str, Any]:
    """Return the Kubernetes settings of each task."""
    _, platform = yaml.safe_load_all(text)
    found: dict[str, Any] = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return found


def list_containers(text: str) -> dict[str, Any]:
    """The container of each task."""
    executors = next(yaml.safe_load_all(text))["deploymentSpec"]["executors"]
    return {name: executor["container"] for name, executor in executors.items()}


@pytest.mark.slow
def test_our_pipeline_has_no_problems(toy: Project) -> None:
    text = compile_ours(toy)
    assert find_problems(text) == []
    assert find_broken_policies(text) == []


@pytest.mark.slow
def test_only_training_holds_a_gpu_and_names_its_type(toy: Project) -> None:
    text = compile_ours(toy)
    containers = list_containers(text)
    gpus = {name: one["resources"].get("accelerator") for name, one in containers.items()}
    asked = gpus.pop("exec-train")
    assert (asked["resourceType"], asked["resourceCount"]) == ("nvidia.com/gpu", "1")
    assert set(gpus.values()) == {None}
    for container in containers.values():
        assert container["image"] == f"registry.example.org/team/toy:{image.make_tag('cuda')}"
        assert container["resources"]["resourceMemoryLimit"].endswith("Mi")
    assert not any("pvcMount" in pod for pod in list_pods(text).values())


@pytest.mark.slow
def test_every_task_gets_what_the_cluster_is_described_with(toy: Project) -> None:
    describe_cluster(toy, **EVERYTHING)
    text = compile_ours(toy, storage_root="/mnt/store")
    assert find_problems(text) == find_broken_policies(text) == []
    _, platform = yaml.safe_load_all(text)
    assert platform["platforms"]["kubernetes"]["pipelineConfig"] == {
        "resourceTtlOnCompletion": 600,
        "activeDeadlineSeconds": 48 * 3600,
    }
    containers, tasks = list_containers(text), list_pods(text)
    assert tasks.keys() == containers.keys()
    for name, task in tasks.items():
        given = {part["name"]: part["value"] for part in containers[name]["env"]}
        assert given["AWS_ENDPOINT_URL"] == "http://minio.storage:9000"
        assert given["MLFLOW_TRACKING_URI"].startswith("http")
        assert task["podMetadata"] == {"labels": {"kueue.x-k8s.io/queue-name": "gpus"}}
        ((mount,), (secret,)) = task["pvcMount"], task["secretAsEnv"]
        assert (mount["constant"], mount["mountPath"]) == ("team-store", "/mnt/store")
        assert (secret["secretName"], secret["keyToEnv"]) == (
            "s3",
            [{"secretKey": "key", "envVar": "AWS_SECRET_ACCESS_KEY"}],
        )
        assert task["imagePullSecret"][0]["secretName"] == "registry"
        user = str(pods.USER)
        assert task["securityContext"] == {
            "runAsUser": user,
            "runAsGroup": user,
            "runAsNonRoot": True,
        }
    train = tasks.pop("exec-train")
    assert train["emptyDirMounts"] == [
        {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "4096Mi"}
    ]
    assert train["tolerations"] == [
        {"key": "team", "operator": "Equal", "value": "ml", "effect": "NoSchedule"}
    ]
    assert train["nodeSelector"] == {"labels": {"pool": "gpu"}}
    for other in tasks.values():
        assert not other.keys() & {"tolerations", "nodeSelector", "emptyDirMounts"}


@pytest.mark.slow
def test_the_report_the_metrics_and_the_types_are_on_kfps_pages(toy: Project) -> None:
    components = next(yaml.safe_load_all(compile_ours(toy)))["components"]
    titles = {
        f"{component.removeprefix('comp-')}.{name}": definition["artifactType"]["schemaTitle"]
        for component, held in components.items()
        for name, definition in held.get("outputDefinitions", {}).get("artifacts", {}).items()
    }
    assert titles["deploy.run_report"] == "system.HTML"
    assert titles["evaluate.metrics"] == titles["train.metrics"] == "system.Metrics"
    assert titles["evaluate.confusion"] == "system.ClassificationMetrics"
    assert titles["ingest.dataset"] == titles["preprocess.splits"] == "system.Dataset"
    assert titles["train.model"] == "system.Model"


@pytest.mark.slow
def test_training_is_tried_again_and_only_it_may_come_from_kfps_cache(toy: Project) -> None:
    tasks = list_tasks(compile_ours(toy))
    assert tasks["train"]["retryPolicy"]["maxRetryCount"] == 1
    assert "validate" in tasks["train"]["dependentTasks"]
    assert len(tasks) == 7
    served = [name for name, task in tasks.items() if task["cachingOptions"].get("enableCache")]
    assert served == ["train"]


@pytest.mark.slow
def test_kfp_knows_training_by_its_request_and_its_image_alone(toy: Project) -> None:
    made = {"taskOutputParameter": {"outputParameterKey": "request", "producerTask": "validate"}}
    first = compile_ours(toy)
    assert list_tasks(first)["train"]["inputs"] == {"parameters": {"request": made}}

    def find_training(text: str) -> Any:
        components = next(yaml.safe_load_all(text))["components"]
        task, container = list_tasks(text)["train"], list_containers(text)["exec-train"]
        return task, components["comp-train"], container

    assert "$.pipeline_job" not in str(find_training(first))
    other = compile_ours(toy, register={"min_accuracy": 0.6}, train={"epochs": 4})
    assert other != first
    assert find_training(other) == find_training(first)


@pytest.mark.slow
def test_the_condition_is_on_the_verdict_and_on_no_bound(toy: Project) -> None:
    pipeline = next(yaml.safe_load_all(compile_ours(toy, register={"min_accuracy": 0.4321})))
    (condition,) = [
        task["triggerPolicy"]["condition"]
        for task in pipeline["root"]["dag"]["tasks"].values()
        if "triggerPolicy" in task
    ]
    assert "Output'] == true" in condition
    assert "0.4321" not in condition


@pytest.mark.slow
def test_times_and_retries_are_those_of_the_settings(toy: Project) -> None:
    text = compile_ours(toy, **TIMES)
    assert list_tasks(text)["train"]["retryPolicy"]["maxRetryCount"] == 2
    assert list_pods(text)["exec-train"]["activeDeadlineSeconds"] == "86400"
    assert "retryPolicy" not in list_tasks(text)["evaluate"]


@pytest.mark.slow
def test_what_the_user_sets_on_a_task_wins(toy: Project) -> None:
    edit_pipeline(toy, "from kfp import dsl", "from kfp import dsl, kubernetes")
    edit_pipeline(toy, ".after(checked)", ".after(checked).set_retry(3).set_cpu_limit('7')")
    edit_pipeline(
        toy, "    evaluated = ", "    kubernetes.set_timeout(trained, 60)\n    evaluated = "
    )
    text = compile_ours(toy, **TIMES)
    assert list_tasks(text)["train"]["retryPolicy"]["maxRetryCount"] == 3
    assert list_pods(text)["exec-train"]["activeDeadlineSeconds"] == "60"
    resources = list_containers(text)["exec-train"]["resources"]
    assert (resources["resourceCpuLimit"], resources["resourceMemoryLimit"]) == ("7", "16384Mi")


@pytest.mark.slow
def test_the_name_and_the_configuration_of_a_pipeline_are_the_users_if_it_says_them(
    toy: Project,
) -> None:
    text = compile_ours(toy, project="My Toy_1")
    assert next(yaml.safe_load_all(text))["pipelineInfo"]["name"] == "my-toy-1"
    config = "pipeline_config=dsl.PipelineConfig(ttl_seconds_after_finished=7)"
    edit_pipeline(toy, "@dsl.pipeline", f"@dsl.pipeline(name='churn', {config})")
    pipeline, platform = yaml.safe_load_all(compile_ours(toy))
    assert pipeline["pipelineInfo"]["name"] == "churn"
    assert pipeline["pipelineInfo"]["description"].startswith("From raw data to a served")
    config = platform["platforms"]["kubernetes"]["pipelineConfig"]
    assert config == {"resourceTtlOnCompletion": 7}


@pytest.mark.slow
def test_every_trial_of_a_sweep_has_what_training_asks_for(toy: Project, tmp_path: Path) -> None:
    edit_pipeline(toy, ".after(checked)", ".after(checked).set_retry(3)")
    file = tmp_path / "space.yaml"
    change_yaml(file, {"parallelism": 3, "space": {"train.seed": [1, 2]}})
    text = compile_ours(toy, sweep=str(file), **TIMES)
    assert find_problems(text) == find_broken_policies(text) == []
    gpus = {n for n, c in list_containers(text).items() if "accelerator" in c["resources"]}
    assert gpus == {"exec-train"}
    found = list_pods(text)
    assert found["exec-train"]["emptyDirMounts"][0]["volumeName"] == "shm"
    assert found["exec-train"]["activeDeadlineSeconds"] == "86400"
    assert not found["exec-choose"].keys() & {"activeDeadlineSeconds", "emptyDirMounts"}
    pipeline = next(yaml.safe_load_all(text))
    (loop,) = [
        task for task in pipeline["root"]["dag"]["tasks"].values() if "iteratorPolicy" in task
    ]
    assert loop["iteratorPolicy"]["parallelismLimit"] == 3
    assert len(json.loads(loop["parameterIterator"]["items"]["raw"])) == 2
    assert "validate" in loop["dependentTasks"]
    tasks = list_tasks(text)
    assert tasks["train"]["retryPolicy"]["maxRetryCount"] == 3
    assert "retryPolicy" not in tasks["choose"]
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks.values())


@pytest.mark.slow
def test_where_several_machines_train_the_task_holds_no_gpu_and_knows_their_job(
    toy: Project,
) -> None:
    describe_cluster(toy, **EVERYTHING)
    text = compile_ours(toy, storage_root="/mnt/store", train={"nodes": 2})
    assert find_problems(text) == find_broken_policies(text) == []
    container = list_containers(text)["exec-train"]
    assert "accelerator" not in container["resources"]
    variables = {part["name"]: part["value"] for part in container["env"]}
    job = json.loads(variables["MLPO_KIT_TRAINJOB"])
    trainer = job["spec"]["trainer"]
    assert trainer["image"] == container["image"]
    assert trainer["numNodes"] == 2
    assert trainer["command"][-2:] == ["-m", "mlpo_kit.training.worker"]
    assert trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"] == "1"
    names = [variable["name"] for variable in trainer["env"]]
    assert {"AWS_ENDPOINT_URL", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_URI"} < set(names)
    assert len(names) == len(set(names))
    assert job["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "gpus"}
    spec = job["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]
    pod = spec["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "shm", "store"]
    assert pod["volumes"][1]["emptyDir"]["sizeLimit"] == "4096Mi"
    assert pod["tolerations"][0]["key"] == "team"
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    known = list_pods(text)["exec-train"]
    assert {part["name"] for part in known["fieldPathAsEnv"]} == {
        "POD_NAMESPACE",
        "POD_NAME",
        "POD_UID",
    }


def test_pruning_is_one_task_without_a_gpu_that_may_call_kfp(toy: Project) -> None:
    describe_cluster(toy, api="http://kfp.local:8888")
    compiled = compile_prune(read_profile("cluster"))
    text = compiled.path.read_text()
    assert find_problems(text) == find_broken_policies(text) == []
    (container,) = list_containers(text).values()
    assert "accelerator" not in container["resources"]
    variables = {part["name"]: part["value"] for part in container["env"]}
    assert variables["KF_PIPELINES_ENDPOINT"] == "http://kfp.local:8888"
    _, platform = yaml.safe_load_all(text)
    assert platform["platforms"]["kubernetes"]["pipelineConfig"]["activeDeadlineSeconds"] > 0


def test_all_that_is_wrong_with_the_cluster_is_named(toy: Project) -> None:
    describe_cluster(toy, mlflow_uri="sqlite:///mlflow.db", api="ml-pipeline:8888", gpus=1)
    with pytest.raises(PipelineError) as caught:
        compile_ours(toy)
    for name in ("mlflow_uri", "api", "gpus"):
        assert f": {name}: " in str(caught.value)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"compute": "batch"}, "compute is batch, but Kubeflow runs on kubernetes"),
        (
            {"storage_root": "/mnt/store"},
            "name the claim of the volume that is mounted there in volume_claim",
        ),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(
    toy: Project, sections: dict[str, str], words: str
) -> None:
    document = merge(read_profile("cluster"), {"storage_root": BUCKET, **sections})
    with pytest.raises(PipelineError, match=words):
        read_kubeflow_cluster(check_settings(document))
