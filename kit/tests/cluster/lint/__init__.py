"""Find problems of the manifests that the kit renders, without a cluster.

    from cluster.lint import find_problems

    assert find_problems({"train": [job]}, cluster) == []

The checks are: Kubernetes' schemas, also for the pods inside documents of extensions; what
Kubernetes refuses, or what never works, although the schemas allow it; and the kit's policies.
"""

from __future__ import annotations

import json
from functools import cache

from cluster.lint import objects, pods
from cluster.lint.finding import find_pods
from mlpo_kit.cluster import schemas
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.manifests import KUBERNETES
from mlpo_kit.cluster.pods import Manifest


def find_problems(
    files: dict[str, list[Manifest]], cluster: Cluster, version: str = KUBERNETES
) -> list[str]:
    """Find the problems of the manifests in each file; returns a sentence for each."""
    rendered = objects.find_objects(files, cluster)
    problems = [
        f"{where}: {problem}"
        for where, document in rendered.objects
        if (problem := check_document(json.dumps(document), version))
    ]
    problems += [
        f"{pod.where}: pod: {problem}"
        for where, document in rendered.objects
        if schemas.is_extension(document)
        for pod in find_pods(document, where)
        if (problem := check_pod_spec(json.dumps(pod.spec), version))
    ]
    problems += [one for pod in rendered.pods for check in pods.CHECKS for one in check(pod)]
    problems += [one for check in objects.CHECKS for one in check(rendered)]
    return list(dict.fromkeys(problems))  # a problem of an object in two files is reported once


@cache
def check_document(text: str, version: str) -> str | None:
    """Check a document as the kit does, cached: kubernetes-validate reads its schemas each time."""
    return schemas.check_document(json.loads(text), version)


@cache
def check_pod_spec(text: str, version: str) -> str | None:
    """Check a pod's spec as the kit does, cached."""
    return schemas.check_pod_spec(json.loads(text), version)
