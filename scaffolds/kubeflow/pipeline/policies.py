"""What this project asks of every task of a compiled pipeline, besides that KFP takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import yaml

from pipeline.check import Document, executors, on_kubernetes


def broken(text: str) -> list[str]:
    """Everything in a compiled pipeline that has no problems and is against a policy."""
    pipeline, platform, *_ = [*filter(None, yaml.safe_load_all(text)), {}]
    told = stores(pipeline)
    found = []
    for label, executor in executors(pipeline).items():
        container, config = executor["container"], on_kubernetes(platform).get(label, {})
        found += [f"{label}: {problem}" for problem in of_task(container, config, told)]
    return found


def of_task(container: Document, config: Document, told: set[str]) -> Iterator[str]:
    """What is wrong with one container; `told` are the stores that tasks are told of."""
    resources = container.get("resources", {})
    for name, field in (("CPU", "resourceCpuLimit"), ("memory", "resourceMemoryLimit")):
        if field not in resources:
            yield f"it has no limit of {name}, and may take what others on its node need"
    if not config.get("securityContext", {}).get("runAsNonRoot"):
        yield "it may run as root; call kubernetes.set_security_context"
    memory = [m["mountPath"] for m in config.get("emptyDirMounts", []) if m.get("medium")]
    if "accelerator" in resources and "/dev/shm" not in memory:  # noqa: S108
        yield "it holds a GPU and has 64 MiB of shared memory; mount a larger /dev/shm"
    mounted = {mount["mountPath"] for mount in config.get("pvcMount", [])}
    for store in sorted(told - mounted):
        yield f"it does not mount the volume at {store}, where the store is that tasks are told of"


def stores(pipeline: Document) -> set[str]:
    """The paths of volumes that tasks are told to find the store at; of a bucket there is none."""
    found = set()
    for part in [pipeline["root"], *pipeline.get("components", {}).values()]:
        for task in part.get("dag", {}).get("tasks", {}).values():
            given = task.get("inputs", {}).get("parameters", {}).get("settings", {})
            constant = given.get("runtimeValue", {}).get("constant")
            root = json.loads(constant)["storage_root"] if constant else ""
            found |= {root} if root.startswith("/") else set()
    return found
