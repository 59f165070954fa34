"""The lint of one pod reports what its schema can't, and checks the kit's policies."""

from __future__ import annotations

import pytest

from cluster.breaking import GONE, POD, SERVER, SET, WORK, Broken, break_manifests, name_tests
from cluster.lint import pods

pytestmark = pytest.mark.usefixtures("toy")
BROKEN: list[Broken] = [
    ("check_restart_policy", "train", "Job", f"{POD}.restartPolicy", GONE, "a Job ends"),
    (
        *("check_restart_policy", "prune", "CronJob", f"spec.jobTemplate.{POD}.restartPolicy"),
        *("Always", "say restartPolicy: Never, or OnFailure"),
    ),
    ("check_restart_policy", "set", "JobSet", f"{SET}.restartPolicy", "Always", "a JobSet ends"),
    (
        *("check_restart_policy", "serving", "Deployment", f"{POD}.restartPolicy"),
        *("OnFailure", "a Deployment is always started again"),
    ),
    ("check_volumes", "train", "Job", f"{POD}.volumes.0", GONE, "does not have: add it"),
    (
        *("check_volumes", "argo", "WorkflowTemplate", f"{WORK}.volumeMounts", []),
        "template train: no container mounts the volume tmp",
    ),
    (
        "check_volumes",
        "train",
        "Job",
        f"{SERVER}.volumeMounts.0.mountPath",
        "/mnt/store",
        "one hides",
    ),
    (
        "check_volumes",
        "set",
        "JobSet",
        f"{SET}.volumes.0.name",
        "shm",
        "two volumes of the name shm",
    ),
    (
        "check_amounts",
        "train",
        "Job",
        f"{SERVER}.resources.limits.memory",
        "4GiBB",
        "is no quantity",
    ),
    ("check_amounts", "train", "Job", f"{POD}.volumes.1.emptyDir.sizeLimit", "8gb", "8gb"),
    (
        "check_amounts",
        "train",
        "Job",
        f"{SERVER}.resources.requests.nvidia/gpu",
        2,
        "say the same twice",
    ),
    (
        "check_amounts",
        "train",
        "Job",
        f"{SERVER}.resources.limits.nvidia/gpu",
        GONE,
        "without a limit",
    ),
    ("check_amounts", "train", "Job", f"{SERVER}.resources.limits.nvidia/gpu", "0.5", "are whole"),
    (
        "check_amounts",
        "train",
        "Job",
        f"{SERVER}.resources.requests.cpu",
        "4100m",
        "raise the limit",
    ),
    ("check_variables", "serving", "Deployment", f"{SERVER}.env.0.name", "KEY", "sets KEY twice"),
    (
        "check_variables",
        "serving",
        "Deployment",
        f"{SERVER}.env.0.name",
        "a b",
        "no name for a variable",
    ),
    (
        "check_variables",
        "serving",
        "Deployment",
        f"{SERVER}.env.3.value",
        "x",
        "has both value and",
    ),
    (
        *("check_probes", "serving", "Deployment", f"{SERVER}.livenessProbe.httpGet.port", "web"),
        "livenessProbe asks at port web; in ports there is: 8000, http",
    ),
    (
        "check_probes",
        "serving",
        "Deployment",
        f"{SERVER}.ports",
        GONE,
        "livenessProbe asks at port http",
    ),
    (
        "check_image",
        "train",
        "Job",
        f"{SERVER}.image",
        "python:latest",
        "name a tag that is not latest",
    ),
    (
        "check_image",
        "train",
        "Job",
        f"{SERVER}.image",
        "a.example:5000/b",
        "may be another one tomorrow",
    ),
    ("check_image", "argo", "WorkflowTemplate", f"{WORK}.image", GONE, "has no image"),
    ("check_limits", "argo", "WorkflowTemplate", f"{WORK}.resources", {}, "may take all memory"),
    ("check_limits", "argo", "WorkflowTemplate", f"{WORK}.resources", {}, "how much CPU it needs"),
    (
        "check_limits",
        "trainer",
        "TrainJob",
        "spec.trainer.resourcesPerNode",
        {},
        "may take all memory",
    ),
    ("check_user", "train", "Job", f"{SERVER}.securityContext.runAsUser", 0, "runs as root"),
    (
        *("check_user", "trainer", "TrainJob"),
        "spec.runtimePatches.0.trainingRuntimeSpec.template.spec.containers.0.securityContext",
        *({"allowPrivilegeEscalation": False}, "container node: may run as root"),
    ),
    (
        "check_privileges",
        "train",
        "Job",
        f"{SERVER}.securityContext.privileged",
        True,
        "is privileged",
    ),
    ("check_privileges", "train", "Job", f"{POD}.hostNetwork", True, "hostNetwork"),
    (
        *("check_privileges", "train", "Job", f"{SERVER}.securityContext.allowPrivilegeEscalation"),
        *(GONE, "may gain rights"),
    ),
    (
        *("check_privileges", "train", "Job", f"{SERVER}.securityContext.capabilities.add"),
        *(["SYS_ADMIN"], "adds the capabilities ['SYS_ADMIN']"),
    ),
    (
        *("check_privileges", "train", "Job", f"{POD}.volumes.0"),
        *({"name": "tmp", "hostPath": {"path": "/"}}, "the volume tmp is a hostPath"),
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN, ids=name_tests(BROKEN))
def test_each_check_reports_its_problem(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    break_manifests(broken, monkeypatch)


def test_every_check_has_a_broken_manifest() -> None:
    assert {check for check, *_ in BROKEN} == {check.__name__ for check in pods.CHECKS}
