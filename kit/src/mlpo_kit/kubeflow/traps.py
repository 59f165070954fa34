"""What KFP takes in a pipeline without a word, and then does not do.

The tasks of the kit step into none of these; a component of your own may (kfp 2.17).
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
    """Find the traps in what KFP's compiler wrote, one sentence for each, with the way out."""
    pipeline: Document = next(document for document in yaml.safe_load_all(text) if document)
    found = []
    for name, executor in pipeline.get("deploymentSpec", {}).get("executors", {}).items():
        if (container := executor.get("container")) is not None:
            found += [f"{name}: {problem}" for problem in _find_in_container(container)]
    return [*found, *find_skipped_conditions(pipeline), *_find_stale(pipeline)]


def find_skipped_conditions(pipeline: Document) -> Iterator[str]:
    """Find conditions on an output with a name: KFP's local runner skips them as if false."""
    parts = _list_groups(pipeline)
    outputs = {
        key
        for tasks in parts
        for task in tasks.values()
        for key, source in task.get("inputs", {}).get("parameters", {}).items()
        if source.get("taskOutputParameter", {}).get("outputParameterKey", "Output") != "Output"
    }
    for tasks in parts:
        for name, task in tasks.items():
            condition = task.get("triggerPolicy", {}).get("condition", "")
            for key in CONDITION_INPUT.findall(condition):
                if key in outputs:
                    yield (
                        f"{name}: its condition reads an output that has a name ({key}); the local "
                        "runner skips it without a word. Return that value alone, without a name"
                    )


def _find_in_container(container: Document) -> Iterator[str]:
    gpu = container.get("resources", {}).get("accelerator", {})
    if {"count", "resourceCount"} & gpu.keys() and not {"type", "resourceType"} & gpu.keys():
        yield (
            "it limits GPUs without naming their type, so it gets none; call set_accelerator_type "
            "as well as set_accelerator_limit"
        )
    image = container["image"]
    tag = image.rpartition("/")[2].partition(":")[2]
    if "{{$" not in image and "@sha256:" not in image and tag in ("", "latest"):
        yield f"the image {image} can be another one tomorrow; name a tag or a digest"
    words = [*container.get("command", []), *container.get("args", [])]
    if any("pip install" in word for word in words):
        yield (
            "it installs packages as it starts; put them into the image, and make the component "
            "with install_kfp_package=False and no packages_to_install"
        )
    if any(len(word.encode()) >= MAX_ARGUMENT for word in words):
        yield "an argument is longer than a process may be given (128 KiB)"


def _find_stale(pipeline: Document) -> Iterator[str]:
    """Find tasks that KFP may serve from its cache, which sees neither code nor data.

    It is right about a task whose only input is a request (training_request.py).
    """
    for tasks in _list_groups(pipeline):
        for name, task in tasks.items():
            inputs = task.get("inputs", {})
            parameters = inputs.get("parameters", {})
            by_request = not inputs.get("artifacts") and parameters.keys() == {REQUEST}
            is_made = by_request and "runtimeValue" not in parameters[REQUEST]
            if task.get("cachingOptions", {}).get("enableCache") and not is_made:
                yield (
                    f"{name}: KFP may use an old result of it, whatever its code and data are now; "
                    "call set_caching_options(False)"
                )


def _list_groups(pipeline: Document) -> list[Document]:
    """The tasks of the pipeline, and of each group in it."""
    parts = [pipeline["root"], *pipeline.get("components", {}).values()]
    return [part.get("dag", {}).get("tasks", {}) for part in parts]
