"""What a namespace must have for a run, asked of Kubernetes over HTTP by its own client."""

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
    """One server for all tests."""
    services = Services()
    with serving(services):
        yield services


@pytest.fixture
def services(
    served: Services, toy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Services:
    """A namespace that has all that a run needs, and a user whom the API knows."""
    served.have_all()
    configure(tmp_path, served.url)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return served


def find_problems(services: Services, **changes: Any) -> list[str]:
    """What is wrong for settings with these changes."""
    answers = ask_kubernetes(make_settings(**changes), services.cluster())
    return [sentence for fine, sentence in answers if not fine]


def test_nothing_is_wrong_with_a_namespace_that_has_all(services: Services) -> None:
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
        "the secret s3 has no key key, which secrets of deploy/cluster.yaml names; it has: id",
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
        "the volume of the claim store is lost",
    ),
    "no account": (
        lambda there: there.documents.pop(f"{SPACE}/serviceaccounts/trainer"),
        "there is no service account trainer in the namespace team",
    ),
    "no GPUs": (
        lambda there: put_quota(there, {"requests.nvidia.com/gpu": "0"}),
        "the quota gpus of the namespace team leaves 0 of 0 requests.nvidia.com/gpu, and train "
        "needs 1: ask for more, or say less in resources of the profile",
    ),
    "GPUs taken": (
        lambda there: put_quota(
            there, {"limits.nvidia.com/gpu": "2"}, {"limits.nvidia.com/gpu": "2"}
        ),
        "leaves 0 of 2 limits.nvidia.com/gpu, and train needs 1: wait until others are done",
    ),
    "little memory": (
        lambda there: put_quota(there, {"limits.memory": "20Gi"}, {"limits.memory": "8Gi"}),
        "leaves 12288Mi of 20480Mi limits.memory, and train needs 16384Mi: wait",
    ),
    "little CPU": (
        lambda there: put_quota(there, {"cpu": "4500m"}, {"cpu": "600m"}),
        "leaves 3.9 of 4.5 cpu, and train needs 4: wait",
    ),
    "no pods": (lambda there: put_quota(there, {"pods": "0"}), "leaves 0 of 0 pods"),
}


def put_quota(there: Services, hard: dict[str, str], used: dict[str, str] | None = None) -> None:
    there.documents[QUOTAS] = {"items": [quota(hard, used or {})]}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=list(WRONG))
def test_what_is_missing_is_named(change: Change, words: str, services: Services) -> None:
    change(services)
    (problem,) = find_problems(services)
    assert words in problem


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "does not know you, or no longer: log in again"), (500, "answers 500")],
)
def test_an_api_that_refuses_ends_the_questions(
    status: int, words: str, services: Services
) -> None:
    services.refused[ACCESS] = status
    with pytest.raises(PipelineError, match=words):
        find_problems(services)


def test_what_this_user_may_not_know_is_no_problem(services: Services) -> None:
    for path in list(services.documents):
        if path.startswith((SPACE, "/api/v1/nodes")):
            services.refused[path] = 403
    assert find_problems(services) == []


def test_quotas_of_some_pods_only_are_not_counted(services: Services) -> None:
    some = [quota({"pods": "0"}, {}, scopes=["BestEffort"]), quota({"pods": "0"}, {})]
    some[1]["spec"]["scopeSelector"] = {"matchExpressions": []}
    services.documents[QUOTAS] = {"items": some}
    assert find_problems(services) == []


def test_several_machines_need_room_for_all(services: Services) -> None:
    (problem,) = find_problems(services, train={"device": "cuda", "nodes": 2})
    assert "leaves 1 of 1 requests.nvidia.com/gpu, and train needs 2" in problem


@pytest.mark.parametrize(("offer", "words"), [("2", "1 of the nodes have"), ("0", "no node has")])
def test_how_many_nodes_have_the_gpus(offer: str, words: str, services: Services) -> None:
    node = {"status": {"allocatable": {"nvidia.com/gpu": offer}}}
    services.documents["/api/v1/nodes"] = {"items": [node, {"status": {}}]}
    answers = ask_kubernetes(make_settings(), services.cluster())
    (fact,) = (text for fine, text in answers if fine and ("nodes" in text or "node has" in text))
    assert words in fact
    assert "1 nvidia.com/gpu and the labels gpu=yes" in fact


def test_a_machine_without_a_configuration_of_kubectl_is_told_so(
    services: Services, tmp_path: Path
) -> None:
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


def test_manifests_are_tried_on_the_server_and_none_is_made(services: Services) -> None:
    files = render_workloads(make_settings(), services.cluster(), "local")
    before = set(services.documents)
    assert find_refused(services, files) == []
    tried = [one for one in services.asked if one.startswith("PATCH ")]
    assert len(tried) == 6
    assert all("dryRun=All" in one and "fieldValidation=Strict" in one for one in tried)
    paths = {one.partition("?")[0] for one in tried}
    assert {f"PATCH {SERVER}", f"PATCH {SPACE}/services/digits"} < paths
    assert set(services.documents) == before


def test_what_the_server_would_refuse_is_named(services: Services) -> None:
    files = make_manifests()
    files["serving"][1]["spec"]["replicas"] = "two"
    problems = find_refused(services, {name: files[name] for name in ("serving", "set")})
    assert problems == [
        "serving.yaml: Kubernetes would refuse Deployment digits: Deployment is invalid: "
        "spec.replicas: 'two' is no integer",
        f"set.yaml: Kubernetes would refuse JobSet train: {services.url} has no JobSet in "
        "jobset.x-k8s.io/v1alpha2: install what brings it",
    ]


@pytest.mark.parametrize(
    ("status", "message", "is_a_problem"),
    [
        (403, 'deployments.apps "digits" is forbidden: User "me" cannot patch resource', False),
        (403, 'admission webhook "team" denied the request: no owner', True),
        (400, 'admission webhook "team" does not support dry run', False),
    ],
)
def test_what_this_user_may_not_try_is_no_problem(
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
