"""Ways to break good manifests, one place at a time."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import lint
from cluster.lint import find_problems, objects, pods
from cluster.samples import make_cluster, make_manifests
from mlpo_kit.cluster.pods import Manifest

# The check, the file, the kind in it, where in that, what stands there, what is named then.
Broken = tuple[str, str, str, str, Any, str]
GONE = object()  # deletes the value at the place
POD = "spec.template.spec"
SERVER = f"{POD}.containers.0"
WORK = "spec.templates.1.container"
SET = "spec.replicatedJobs.0.template.spec.template.spec"
_SHORT = {"app": "app.kubernetes.io/name", "nvidia/gpu": "nvidia.com/gpu"}


def put(document: Any, place: str, value: Any) -> None:
    """Set the value at a place such as `spec.containers.0.name`."""
    *way, last = place.split(".")
    for name in way:
        document = document[int(name) if isinstance(document, list) else _find_key(document, name)]
    key = int(last) if isinstance(document, list) else _find_key(document, last)
    if value is GONE:
        del document[key]
    else:
        document[key] = value


def _find_key(document: Manifest, name: str) -> str:
    """Find a key of the document by a short form: app for app.kubernetes.io/name."""
    return next((key for key in document if key in (name, _SHORT.get(name))), name)


def break_manifests(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break good manifests; assert that the check reports it in the words, and no other check."""
    check, stem, kind, place, value, words = broken
    files = make_manifests()
    (document,) = (one for one in files[stem] if one["kind"] == kind)
    put(document, place, value)
    (problem,) = (one for one in find_problems(files, make_cluster()) if words in one)
    assert problem.startswith(f"{stem}.yaml: {document['kind']} ")

    for module in (objects, pods):
        others = tuple(one for one in module.CHECKS if one.__name__ != check)
        monkeypatch.setattr(module, "CHECKS", others)
    if check in ("check_document", "check_pod_spec"):
        monkeypatch.setattr(lint, check, lambda *_: None)
    assert not [one for one in find_problems(files, make_cluster()) if words in one]


def name_tests(broken: list[Broken]) -> list[str]:
    """Return the names of the tests."""
    return [f"{check}-{number}" for number, (check, *_) in enumerate(broken)]
