"""Check a compiled pipeline without a cluster: its form, its references, and known traps.

A trap is what KFP takes without a word and then does not do what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes_pb
from kfp.pipeline_spec import pipeline_spec_pb2 as pipeline_pb

MAX_ARGUMENT = 128 * 1024  # bytes of one argument of a Linux process
CONDITION_INPUT = re.compile(r"parameter_values\['([^']+)'\]")
SCHEMAS = {
    f"system.{name}"
    for name in (
        "Artifact",
        "ClassificationMetrics",
        "Dataset",
        "HTML",
        "Markdown",
        "Metrics",
        "Model",
        "SlicedClassificationMetrics",
    )
}
Document = dict[str, Any]


def problems(text: str) -> list[str]:
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
    found = list(form(pipeline, platform))
    if found:  # the other checks count on it
        return found
    return [*references(pipeline, platform), *traps(pipeline)]


def form(pipeline: Document, platform: Document) -> Iterator[str]:
    """Fields that KFP does not know, or that it would not write back as they are."""
    parts: list[tuple[str, Document, Any]] = [("pipeline", pipeline, pipeline_pb.PipelineSpec())]
    for name, executor in executors(pipeline).items():
        parts.append((name, executor, pipeline_pb.PipelineDeploymentConfig.ExecutorSpec()))
    if platform:
        parts.append(("platform", platform, pipeline_pb.PlatformSpec()))
    for name, executor in on_kubernetes(platform).items():
        parts.append((f"{name} on kubernetes", executor, kubernetes_pb.KubernetesExecutorConfig()))
    for name, part, message in parts:
        try:
            json_format.ParseDict(part, message)
        except json_format.ParseError as error:
            yield f"{name}: {error}"
            continue
        if json_format.MessageToDict(message) != part:
            yield f"{name}: KFP would write it back differently"


def references(pipeline: Document, platform: Document) -> Iterator[str]:
    """Names that lead nowhere."""
    components, known = pipeline.get("components", {}), executors(pipeline)
    used = {part["executorLabel"] for part in components.values() if "executorLabel" in part}
    for label in sorted(used - known.keys()):
        yield f"a component names the executor {label}, which does not exist"
    for label in sorted(known.keys() - used):
        yield f"no component uses the executor {label}"
    for name in sorted(platform.get("platforms", {}).keys() - {"kubernetes"}):
        yield f"the platform {name} is not known"
    for label in sorted(on_kubernetes(platform).keys() - known.keys()):
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
            yield from task_references(where, task, tasks, components, component)


def task_references(
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


def traps(pipeline: Document) -> Iterator[str]:
    """What KFP would take, and not do."""
    for name, executor in executors(pipeline).items():
        container = executor.get("container")
        if container is None:
            continue
        gpu = container.get("resources", {}).get("accelerator", {})
        if {"count", "resourceCount"} & gpu.keys() and not {"type", "resourceType"} & gpu.keys():
            yield (
                f"{name}: it limits GPUs without naming their type, so it gets none; call "
                "set_accelerator_type as well as set_accelerator_limit"
            )
        yield from image_traps(name, container["image"])
        words = [*container.get("command", []), *container.get("args", [])]
        if any("pip install" in word for word in words):
            yield (
                f"{name}: it installs packages as it starts; put them into the image, and make the "
                "component with install_kfp_package=False and no packages_to_install"
            )
        if any(len(word.encode()) >= MAX_ARGUMENT for word in words):
            yield f"{name}: an argument is longer than a process may be given (128 KiB)"
    yield from conditions(pipeline)
    yield from gates(pipeline)


def image_traps(name: str, image: str) -> Iterator[str]:
    """An image whose name does not say which one it is."""
    if "{{$" in image or "@sha256:" in image:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        yield f"{name}: the image {image} can be another one tomorrow; name a tag or a digest"


def conditions(pipeline: Document) -> Iterator[str]:
    """Conditions on an output with a name: KFP's local runner skips them as if false."""
    components = pipeline.get("components", {})
    outputs = {
        key
        for part in [pipeline["root"], *components.values()]
        for task in part.get("dag", {}).get("tasks", {}).values()
        for key, source in task.get("inputs", {}).get("parameters", {}).items()
        if source.get("taskOutputParameter", {}).get("outputParameterKey", "Output") != "Output"
    }
    for part in [pipeline["root"], *components.values()]:
        for name, task in part.get("dag", {}).get("tasks", {}).items():
            condition = task.get("triggerPolicy", {}).get("condition", "")
            for key in CONDITION_INPUT.findall(condition):
                if key in outputs:
                    yield (
                        f"{name}: its condition reads an output that has a name ({key}); the local "
                        "runner skips it without a word. Return that value alone, without a name"
                    )


def gates(pipeline: Document) -> Iterator[str]:
    """Tasks that KFP may serve from its cache, which sees neither code nor data.

    It is right about a task whose only input is the ticket of a gate (pipeline/ticket.py).
    """
    for part in [pipeline["root"], *pipeline.get("components", {}).values()]:
        for name, task in part.get("dag", {}).get("tasks", {}).items():
            inputs = task.get("inputs", {})
            parameters = inputs.get("parameters", {})
            by_ticket = not inputs.get("artifacts") and parameters.keys() == {"ticket"}
            given = by_ticket and "runtimeValue" not in parameters["ticket"]
            if task.get("cachingOptions", {}).get("enableCache") and not given:
                yield (
                    f"{name}: KFP may use an old result of it, whatever its code and data are now; "
                    "call set_caching_options(False), or let a gate's ticket be its only input"
                )


def executors(pipeline: Document) -> dict[str, Document]:
    """The containers of a pipeline, by label."""
    found: dict[str, Document] = pipeline.get("deploymentSpec", {}).get("executors", {})
    return found


def on_kubernetes(platform: Document) -> dict[str, Document]:
    """What Kubernetes is told about each of them."""
    spec = platform.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {})
    found: dict[str, Document] = spec.get("executors", {})
    return found
