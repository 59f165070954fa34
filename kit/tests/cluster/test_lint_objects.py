"""The lint of rendered manifests reports what Kubernetes would refuse, and what does not match."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from kubernetes_validate import utils

from cluster.breaking import (
    GONE,
    POD,
    SERVER,
    SET,
    WORK,
    Broken,
    break_manifests,
    name_tests,
    put,
)
from cluster.lint import find_problems, objects
from cluster.samples import make_cluster, make_manifests

pytestmark = pytest.mark.usefixtures("toy")
BROKEN: list[Broken] = [
    ("check_document", "train", "Job", f"{POD}.restartPolicyy", "Never", "did you mean"),
    (
        "check_document",
        "serving",
        "Deployment",
        "spec.replicas",
        "two",
        "replicas: 'two' is not of type integer",
    ),
    ("check_document", "serving", "Deployment", "spec.selector", GONE, "spec: selector is missing"),
    (
        "check_document",
        "serving",
        "Deployment",
        f"{SERVER}.imagePullPolicy",
        5,
        "5 is not of type string",
    ),
    (
        "check_document",
        "train",
        "Job",
        "apiVersion",
        "batch/v9",
        "has no Job in apiVersion batch/v9",
    ),
    (
        "check_document",
        "prune",
        "CronJob",
        "apiVersion",
        "btch/v1",
        "has no CronJob in apiVersion btch/v1",
    ),
    ("check_document", "serving", "Service", "kind", "Servise", "has no Servise in apiVersion v1"),
    ("check_pod_spec", "argo", "WorkflowTemplate", f"{WORK}.comand", [], "did you mean command?"),
    (
        "check_pod_spec",
        "set",
        "JobSet",
        f"{SET}.tolerations",
        {},
        "tolerations: {} is not of type array",
    ),
    ("check_names", "train", "Job", "metadata.name", "Train_1", "'Train_1' is no name for a Job"),
    ("check_names", "train", "Job", "metadata.name", "t" * 64, "at most 63"),
    ("check_names", "prune", "CronJob", "metadata.name", "t" * 53, "at most 52"),
    ("check_names", "serving", "Service", "metadata.name", "1st", "a letter first"),
    ("check_names", "train", "Job", "metadata.name", GONE, "has no name"),
    ("check_names", "train", "Job", "metadata.labels.team", "a team", "the label team can't be"),
    (
        "check_names",
        "train",
        "Job",
        "metadata.labels.a team",
        "a",
        "'a team' is no name for a label",
    ),
    ("check_names", "train", "Job", f"{POD}.nodeSelector.gpu", "a b", "the label gpu can't"),
    (
        "check_names",
        "set",
        "JobSet",
        f"{SET}.containers.0.name",
        "a.b",
        "'a.b' is no name: at most 63",
    ),
    ("check_names", "serving", "ConfigMap", "data.a b", "", "'a b' is no name for a file"),
    (
        "check_duplicates",
        "prune",
        "ConfigMap",
        "data.more",
        "",
        "serving.yaml has another one of this name",
    ),
    (
        *("check_references", "serving", "Deployment", f"{POD}.volumes.2.configMap.name"),
        *("others", "refers to the ConfigMap others, which is not among the manifests: add it"),
    ),
    (
        *(
            "check_references",
            "serving",
            "Deployment",
            f"{SERVER}.env.3.valueFrom.secretKeyRef.name",
        ),
        *("s4", "refers to the Secret s4, which is not among the manifests: add it, or name what"),
    ),
    (
        "check_references",
        "train",
        "Job",
        f"{SERVER}.envFrom",
        [{"secretRef": {"name": "x"}}],
        "Secret x",
    ),
    ("check_references", "train", "Job", f"{POD}.serviceAccountName", "x", "ServiceAccount x"),
    (
        *("check_references", "train", "Job", f"{POD}.volumes.2.persistentVolumeClaim"),
        *({"claimName": "x"}, "refers to the PersistentVolumeClaim x"),
    ),
    ("check_references", "train", "Job", f"{POD}.imagePullSecrets.0.name", "x", "Secret x"),
    (
        *("check_selectors", "serving", "Deployment", "spec.template.metadata.labels.app"),
        *("other", "say the same in template.metadata.labels"),
    ),
    ("check_selectors", "serving", "Service", "spec.selector.app", "x", "selects no pod"),
    (
        "check_selectors",
        "serving",
        "PodDisruptionBudget",
        "spec.selector.matchLabels.a",
        "b",
        "no pod",
    ),
    (
        "check_service_ports",
        "serving",
        "Service",
        "spec.ports.0.targetPort",
        80,
        "leads to port 80",
    ),
    ("check_schedules", "prune", "CronJob", "spec.schedule", "at night", "cron's five fields"),
]


@pytest.mark.slow
def test_good_manifests_have_no_problems() -> None:
    assert find_problems(make_manifests(), make_cluster()) == []


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN, ids=name_tests(BROKEN))
def test_each_check_reports_its_problem(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    break_manifests(broken, monkeypatch)


@pytest.mark.slow
def test_manifests_that_a_workflow_creates_are_checked() -> None:
    files = make_manifests()
    created = files["argo"][0]["spec"]["templates"][2]["resource"]
    created["manifest"] = created["manifest"].replace("Policy: Never", "Policy: Always")
    (problem,) = find_problems(files, make_cluster())
    assert problem.startswith("argo.yaml: WorkflowTemplate train: JobSet: a JobSet ends")


def test_every_check_has_a_broken_manifest() -> None:
    there = {check.__name__ for check in objects.CHECKS}
    assert {check for check, *_ in BROKEN} == there | {"check_document", "check_pod_spec"}


def test_problems_of_all_documents_are_reported_at_once() -> None:
    files = make_manifests()
    put(files["train"][0], "spec.parallelism", "one")
    put(files["train"][0], f"{SERVER}.image", "python")
    put(files["serving"][1], "spec.replicas", "two")
    assert len(find_problems(files, make_cluster())) == 3


@pytest.mark.slow
def test_no_value_in_a_manifest_crashes_the_lint(monkeypatch: pytest.MonkeyPatch) -> None:
    def list_places(document: Any, way: str = "") -> list[str]:
        inner = document.items() if isinstance(document, dict) else enumerate(document)
        items = [(f"{way}{key}", value) for key, value in inner if "." not in str(key)]
        below = [
            place
            for name, value in items
            if isinstance(value, dict | list)
            for place in list_places(value, f"{name}.")
        ]
        return [name for name, _ in items if name not in ("apiVersion", "kind")] + below

    read = cache(utils.schema_contents)  # it reads the same schemas for each of 300 documents
    monkeypatch.setattr(utils, "schema_contents", read)
    whole, cluster = make_manifests(), make_cluster()
    for stem, kind in (("train", "Job"), ("trainer", "TrainJob"), ("serving", "Deployment")):
        (document,) = (one for one in whole[stem] if one["kind"] == kind)
        for number, place in enumerate(list_places(document)):
            broken = deepcopy(document)
            put(broken, place, ("text", ["text"], {"a": {}})[number % 3])
            find_problems({stem: [broken]}, cluster)
