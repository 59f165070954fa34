"""The checks of a namespace, with Kubernetes' own client over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.samples import make_manifests, make_settings
from cluster.services import ACCESS, SPACE, Services, configure, quota, serving
from mlpo_kit.cluster.namespace import ask_kubernetes
from mlpo_kit.cluster.workloads import render_workloads
from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError

QUOTAS = f"{SPACE}/resourcequotas"


@pytest.fixture(scope="module")
def served() -> Iterator[Services]:
    """A server for all tests of this module."""
    services = Services()
    with serving(services):
        yield services


@pytest.fixture
def services(
    served: Services, toy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Services:
    """A namespace that has everything that a run needs, and a user who is logged in."""
    served.have_all()
    configure(tmp_path, served.url)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return served


def find_problems(services: Services, **changes: Any) -> list[str]:
    """Find the problems of settings with these changes."""
    answers = ask_kubernetes(make_settings(**changes), services.cluster())
    return [sentence for fine, sentence in answers if not fine]


def test_a_complete_namespace_has_no_problems(services: Services) -> None:
    assert find_problems(services) == []
    (change,) = (one for one in services.asked if not one.startswith("GET"))
    assert change == f"POST {ACCESS}"


Change = Callable[[Services], Any]
WRONG: dict[str, tuple[Change, str]] = {
    "no namespace": (
        lambda there: there.documents.pop(SPACE),
        "there is no namespace team at",
    ),
    "no right": (
        lambda there: there.documents.update({ACCESS: {"status": {"allowed": False}}}),
        "you may not create jobs in the namespace team",
    ),
    "no secret": (
        lambda there: there.documents.pop(f"{SPACE}/secrets/s3"),
        "kubectl -n team create secret generic s3 --from-literal=key=... --from-literal=id=...",
    ),
    "no key": (
        lambda there: there.documents.update({f"{SPACE}/secrets/s3": {"data": {"id": ""}}}),
        "the secret s3 has no key key, which deploy/cluster.yaml names under secrets; it has: id",
    ),
    "no pull secret": (
        lambda there: there.documents.pop(f"{SPACE}/secrets/registry"),
        "there is no pull secret registry in the namespace team",
    ),
    "no claim": (
        lambda there: there.documents.pop(f"{SPACE}/persistentvolumeclaims/store"),
        "there is no volume claim store in the namespace team",
    ),
    "lost": (
        lambda there: there.documents.update(
            {f"{SPACE}/persistentvolumeclaims/store": {"status": {"phase": "Lost"}}}
        ),
        "the claim store has lost its volume",
    ),
    "no account": (
        lambda there: there.documents.pop(f"{SPACE}/serviceaccounts/trainer"),
        "there is no service account trainer in the namespace team",
    ),
    "no GPUs": (
        lambda there: put_quota(there, {"requests.nvidia.com/gpu": "0"}),
        "the quota gpus of the namespace team leaves 0 of 0 requests.nvidia.com/gpu, but train "
        "needs 1: ask for a larger quota, or lower resources in the profile",
    ),
    "GPUs taken": (
        lambda there: put_quota(
            there, {"limits.nvidia.com/gpu": "2"}, {"limits.nvidia.com/gpu": "2"}
        ),
        "leaves 0 of 2 limits.nvidia.com/gpu, but train needs 1: wait until other pods have ended",
    ),
    "little memory": (
        lambda there: put_quota(there, {"limits.memory": "20Gi"}, {"limits.memory": "8Gi"}),
        "leaves 12288Mi of 20480Mi limits.memory, but train needs 16384Mi: wait",
    ),
    "little CPU": (
        lambda there: put_quota(there, {"cpu": "4500m"}, {"cpu": "600m"}),
        "leaves 3.9 of 4.5 cpu, but train needs 4: wait",
    ),
    "no pods": (lambda there: put_quota(there, {"pods": "0"}), "leaves 0 of 0 pods"),
}


def put_quota(there: Services, hard: dict[str, str], used: dict[str, str] | None = None) -> None:
    there.documents[QUOTAS] = {"items": [quota(hard, used or {})]}


@pytest.mark.slow
@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=list(WRONG))
def test_missing_objects_are_reported(change: Change, words: str, services: Services) -> None:
    change(services)
    (problem,) = find_problems(services)
    assert words in problem


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "does not accept your credentials: log in again"), (500, "answers 500")],
)
def test_an_api_that_fails_ends_the_checks(status: int, words: str, services: Services) -> None:
    services.refused[ACCESS] = status
    with pytest.raises(PipelineError, match=words):
        find_problems(services)


def test_objects_that_this_user_may_not_read_are_not_reported(services: Services) -> None:
    for path in list(services.documents):
        if path.startswith((SPACE, "/api/v1/nodes")):
            services.refused[path] = 403
    assert find_problems(services) == []


def test_quotas_for_some_pods_only_are_ignored(services: Services) -> None:
    some = [quota({"pods": "0"}, {}, scopes=["BestEffort"]), quota({"pods": "0"}, {})]
    some[1]["spec"]["scopeSelector"] = {"matchExpressions": []}
    services.documents[QUOTAS] = {"items": some}
    assert find_problems(services) == []


def test_a_quota_must_have_room_for_all_nodes_of_a_stage(services: Services) -> None:
    (problem,) = find_problems(services, train={"device": "cuda", "nodes": 2})
    assert "leaves 1 of 1 requests.nvidia.com/gpu, but train needs 2" in problem


@pytest.mark.parametrize(("offer", "words"), [("2", "1 of the nodes have"), ("0", "no node has")])
def test_the_nodes_with_enough_gpus_are_counted(offer: str, words: str, services: Services) -> None:
    node = {"status": {"allocatable": {"nvidia.com/gpu": offer}}}
    services.documents["/api/v1/nodes"] = {"items": [node, {"status": {}}]}
    answers = ask_kubernetes(make_settings(), services.cluster())
    (fact,) = (text for fine, text in answers if fine and ("nodes" in text or "node has" in text))
    assert words in fact
    assert "1 nvidia.com/gpu and the labels gpu=yes" in fact


def test_a_missing_configuration_of_kubectl_is_reported(services: Services, tmp_path: Path) -> None:
    for text in (None, "a: [", "a: 1"):
        (tmp_path / "kubeconfig").unlink(missing_ok=True)
        if text:
            (tmp_path / "kubeconfig").write_text(text)
        with pytest.raises(PipelineError, match="the configuration of kubectl can't be used: "):
            find_problems(services)


SERVER = "/apis/apps/v1/namespaces/team/deployments/digits"


def find_refused(services: Services, files: Any) -> list[str]:
    answers = ask_kubernetes(make_settings(), services.cluster(), files)
    return [sentence for fine, sentence in answers if not fine]


@pytest.mark.slow
def test_manifests_are_checked_by_a_dry_run_that_creates_nothing(services: Services) -> None:
    files = render_workloads(make_settings(), services.cluster(), "local")
    before = set(services.documents)
    assert find_refused(services, files) == []
    tried = [one for one in services.asked if one.startswith("PATCH ")]
    assert len(tried) == 6
    assert all("dryRun=All" in one and "fieldValidation=Strict" in one for one in tried)
    paths = {one.partition("?")[0] for one in tried}
    assert {f"PATCH {SERVER}", f"PATCH {SPACE}/services/digits"} < paths
    assert set(services.documents) == before


@pytest.mark.slow
def test_manifests_that_the_server_would_refuse_are_reported(services: Services) -> None:
    files = make_manifests()
    files["serving"][1]["spec"]["replicas"] = "two"
    problems = find_refused(services, {name: files[name] for name in ("serving", "set")})
    assert problems == [
        "serving.yaml: Kubernetes would refuse Deployment digits: Deployment is invalid: "
        "spec.replicas: 'two' is not of type integer",
        f"set.yaml: Kubernetes would refuse JobSet train: {services.url} has no JobSet in "
        "jobset.x-k8s.io/v1alpha2: install the extension that provides it",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "message", "is_a_problem"),
    [
        (403, 'deployments.apps "digits" is forbidden: User "me" cannot patch resource', False),
        (403, 'admission webhook "team" denied the request: no owner', True),
        (400, 'admission webhook "team" does not support dry run', False),
    ],
)
def test_manifests_that_this_user_may_not_apply_are_not_reported(
    services: Services, status: int, message: str, is_a_problem: bool
) -> None:
    services.refused[SERVER], services.messages[SERVER] = status, message
    files = render_workloads(make_settings(), services.cluster(), "local")
    problems = find_refused(services, {"serving": files["serving"]})
    assert problems == (
        [f"serving.yaml: Kubernetes would refuse Deployment digits: {message}"]
        if is_a_problem
        else []
    )
