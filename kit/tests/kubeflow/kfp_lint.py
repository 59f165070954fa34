"""Lint of the pipelines that the kit compiles: their form, their references, and our policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes_pb
from kfp.pipeline_spec import pipeline_spec_pb2 as pipeline_pb

from mlpo_kit.kubeflow.traps import find_traps

Document = dict[str, Any]
SCHEMAS = {
    f"system.{name}"
    for name in (
        *("Artifact", "ClassificationMetrics", "Dataset", "HTML", "Markdown", "Metrics"),
        *("Model", "SlicedClassificationMetrics"),
    )
}


def find_problems(text: str) -> list[str]:
    """Everything that is wrong with a compiled pipeline; an empty list when nothing is.

    `text` is what KFP's compiler writes: the pipeline and, after `---`, what only Kubernetes
    understands.
    """
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        return [f"this is not YAML: {error}"]
    if not 1 <= len(documents) <= 2 or not all(isinstance(part, dict) for part in documents):
        return ["this is not a compiled pipeline: it has one document, or two"]
    pipeline, platform = documents[0], documents[1] if len(documents) == 2 else {}
    found = list(find_unknown_fields(pipeline, platform))
    if found:  # the other checks count on it
        return found
    return [*find_dead_references(pipeline, platform), *find_traps(text)]


def find_unknown_fields(pipeline: Document, platform: Document) -> Iterator[str]:
    """Find fields that KFP does not know, or that it would write in another form."""
    parts: list[tuple[str, Document, Any]] = [("pipeline", pipeline, pipeline_pb.PipelineSpec())]
    for name, executor in list_executors(pipeline).items():
        parts.append((name, executor, pipeline_pb.PipelineDeploymentConfig.ExecutorSpec()))
    if platform:
        parts.append(("platform", platform, pipeline_pb.PlatformSpec()))
    for name, executor in list_on_kubernetes(platform).items():
        parts.append((f"{name} on kubernetes", executor, kubernetes_pb.KubernetesExecutorConfig()))
    for name, part, message in parts:
        try:
            json_format.ParseDict(part, message)
        except json_format.ParseError as error:
            yield f"{name}: {error}"
            continue
        if json_format.MessageToDict(message) != part:
            yield f"{name}: KFP would write it back differently"


def find_dead_references(pipeline: Document, platform: Document) -> Iterator[str]:
    """Find references to names that do not exist."""
    components, known = pipeline.get("components", {}), list_executors(pipeline)
    used = {part["executorLabel"] for part in components.values() if "executorLabel" in part}
    for label in sorted(used - known.keys()):
        yield f"a component names the executor {label}, which does not exist"
    for label in sorted(known.keys() - used):
        yield f"no component uses the executor {label}"
    for name in sorted(platform.get("platforms", {}).keys() - {"kubernetes"}):
        yield f"the platform {name} is not known"
    for label in sorted(list_on_kubernetes(platform).keys() - known.keys()):
        yield f"the platform describes the executor {label}, which does not exist"
    for name, component in [("root", pipeline["root"]), *components.items()]:
        for kind in ("inputDefinitions", "outputDefinitions"):
            for artifact, definition in component.get(kind, {}).get("artifacts", {}).items():
                title = definition.get("artifactType", {}).get("schemaTitle")
                if title not in SCHEMAS:
                    yield f"{name}: the artifact {artifact} is of the unknown type {title}"
        tasks = component.get("dag", {}).get("tasks", {})
        for task_name, task in tasks.items():
            where = f"{name}.{task_name}"
            yield from find_dead_inputs(where, task, tasks, components, component)


def find_dead_inputs(
    where: str, task: Document, tasks: Document, components: Document, parent: Document
) -> Iterator[str]:
    """The same for one task among the tasks of its parent."""
    component = components.get(task["componentRef"]["name"])
    if component is None:
        yield f"{where}: there is no component {task['componentRef']['name']}"
        return
    for other in task.get("dependentTasks", []):
        if other not in tasks:
            yield f"{where}: it waits for the task {other}, which is not beside it"
    for kind, word in (("parameters", "parameter"), ("artifacts", "artifact")):
        wanted = component.get("inputDefinitions", {}).get(kind, {})
        for name, source in task.get("inputs", {}).get(kind, {}).items():
            if name not in wanted:
                yield f"{where}: the component has no {word} {name}"
            above = source.get(f"componentInput{word.capitalize()}")
            if above and above not in parent.get("inputDefinitions", {}).get(kind, {}):
                yield f"{where}: the {word} {above} is not given to what holds the task"
            output = source.get(f"taskOutput{word.capitalize()}")
            if output:
                producer = tasks.get(output["producerTask"], {})
                made_by = components.get(producer.get("componentRef", {}).get("name"), {})
                made = made_by.get("outputDefinitions", {}).get(kind, {})
                if output[f"output{word.capitalize()}Key"] not in made:
                    yield f"{where}: {output['producerTask']} does not make what {name} asks for"


def find_broken_policies(text: str) -> list[str]:
    """Find everything in a valid compiled pipeline that violates a policy."""
    pipeline, platform, *_ = [*filter(None, yaml.safe_load_all(text)), {}]
    told = list_stores(pipeline)
    found = []
    for label, executor in list_executors(pipeline).items():
        container, config = executor["container"], list_on_kubernetes(platform).get(label, {})
        found += [f"{label}: {problem}" for problem in _find_in_task(container, config, told)]
    return found


def _find_in_task(container: Document, config: Document, told: set[str]) -> Iterator[str]:
    """Find the problems of one container; `told` are the stores in the tasks' arguments."""
    resources = container.get("resources", {})
    for name, field in (("CPU", "resourceCpuLimit"), ("memory", "resourceMemoryLimit")):
        if field not in resources:
            yield f"it has no limit of {name}, and may take what others on its node need"
    if not config.get("securityContext", {}).get("runAsNonRoot"):
        yield "it may run as root; call kubernetes.set_security_context"
    memory = [m["mountPath"] for m in config.get("emptyDirMounts", []) if m.get("medium")]
    if "accelerator" in resources and "/dev/shm" not in memory:
        yield "it holds a GPU and has 64 MiB of shared memory; mount a larger /dev/shm"
    mounted = {mount["mountPath"] for mount in config.get("pvcMount", [])}
    for store in sorted(told - mounted):
        yield f"it does not mount the volume at {store}, where the store is that tasks are told of"


def list_stores(pipeline: Document) -> set[str]:
    """Find the volume paths of the stores in the tasks' arguments; a bucket has no path."""
    found = set()
    for part in [pipeline["root"], *pipeline.get("components", {}).values()]:
        for task in part.get("dag", {}).get("tasks", {}).values():
            given = task.get("inputs", {}).get("parameters", {}).get("profile", {})
            constant = given.get("runtimeValue", {}).get("constant")
            root = json.loads(constant)["storage_root"] if constant else ""
            found |= {root} if root.startswith("/") else set()
    return found


def list_executors(pipeline: Document) -> dict[str, Document]:
    """The containers of a pipeline, by label."""
    found: dict[str, Document] = pipeline.get("deploymentSpec", {}).get("executors", {})
    return found


def list_on_kubernetes(platform: Document) -> dict[str, Document]:
    """Return the Kubernetes settings of each container."""
    spec = platform.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {})
    found: dict[str, Document] = spec.get("executors", {})
    return found
