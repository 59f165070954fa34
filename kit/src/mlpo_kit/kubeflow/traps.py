"""Find what KFP accepts in a pipeline without a message, but does not carry out (kfp 2.17).

The kit's own tasks have none of these problems; components that users write may have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from mlpo_kit.kubeflow.ports import REQUEST

MAX_ARGUMENT = 128 * 1024  # bytes of one argument of a Linux process
CONDITION_INPUT = re.compile(r"parameter_values\['([^']+)'\]")
Document = dict[str, Any]


def find_traps(text: str) -> list[str]:
    """Find the traps in a compiled pipeline: a sentence for each, which says how to fix it."""
    pipeline: Document = next(document for document in yaml.safe_load_all(text) if document)
    problems = []
    for name, executor in pipeline.get("deploymentSpec", {}).get("executors", {}).items():
        if (container := executor.get("container")) is not None:
            problems += [f"{name}: {problem}" for problem in _check_container(container)]
    return [*problems, *find_skipped_conditions(pipeline), *_find_stale(pipeline)]


def find_skipped_conditions(pipeline: Document) -> Iterator[str]:
    """Find conditions on a named output: KFP's local runner treats them as false."""
    groups = _list_groups(pipeline)
    outputs = {
        key
        for tasks in groups
        for task in tasks.values()
        for key, source in task.get("inputs", {}).get("parameters", {}).items()
        if source.get("taskOutputParameter", {}).get("outputParameterKey", "Output") != "Output"
    }
    for tasks in groups:
        for name, task in tasks.items():
            condition = task.get("triggerPolicy", {}).get("condition", "")
            for key in CONDITION_INPUT.findall(condition):
                if key in outputs:
                    yield (
                        f"{name}: its condition reads a named output ({key}), so the local runner "
                        "skips it without a message: return that value alone, without a name"
                    )


def _check_container(container: Document) -> Iterator[str]:
    gpu = container.get("resources", {}).get("accelerator", {})
    if {"count", "resourceCount"} & gpu.keys() and not {"type", "resourceType"} & gpu.keys():
        yield (
            "it limits GPUs without naming their type, so it gets none: call set_accelerator_type "
            "as well as set_accelerator_limit"
        )
    image = container["image"]
    tag = image.rpartition("/")[2].partition(":")[2]
    if "{{$" not in image and "@sha256:" not in image and tag in ("", "latest"):
        yield f"the image {image} can change at any time: name a tag or a digest"
    arguments = [*container.get("command", []), *container.get("args", [])]
    if any("pip install" in argument for argument in arguments):
        yield (
            "it installs packages when it starts: put them into the image, and make the component "
            "with install_kfp_package=False and without packages_to_install"
        )
    if any(len(argument.encode()) >= MAX_ARGUMENT for argument in arguments):
        yield "an argument is longer than Linux allows for a process (128 KiB)"


def _find_stale(pipeline: Document) -> Iterator[str]:
    """Find tasks whose results KFP may take from its cache, which sees neither code nor data.

    That is safe only for a task whose only input is a request (training_request.py).
    """
    for tasks in _list_groups(pipeline):
        for name, task in tasks.items():
            inputs = task.get("inputs", {})
            parameters = inputs.get("parameters", {})
            by_request = not inputs.get("artifacts") and parameters.keys() == {REQUEST}
            is_safe = by_request and "runtimeValue" not in parameters[REQUEST]
            if task.get("cachingOptions", {}).get("enableCache") and not is_safe:
                yield (
                    f"{name}: KFP may reuse an old result of it although code or data changed: "
                    "call set_caching_options(False)"
                )


def _list_groups(pipeline: Document) -> list[Document]:
    """List the tasks of the pipeline and of each group in it, a mapping per group."""
    parts = [pipeline["root"], *pipeline.get("components", {}).values()]
    return [part.get("dag", {}).get("tasks", {}) for part in parts]
