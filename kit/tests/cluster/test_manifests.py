"""`make manifests`: what a cluster is given, and what every pod of it gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from {{ package }} import settings
from mlpo_kit.cluster import description as cluster
from mlpo_kit.cluster import manifests
from mlpo_kit.cluster import pods
from mlpo_kit.cluster.checks import problems
from mlpo_kit.errors import PipelineError
from mlpo_kit.cluster.manifests import KUBERNETES, main
from mlpo_kit.cluster.pods import Manifest, object_name
from mlpo_kit.config.sections import Resources
from mlpo_kit.cluster.workloads import shared

from fake_cluster import TRAIN, make_cluster, make_settings

PROFILE = "compute: kubernetes\nstorage_root: s3://bucket/digits\n"
OWN: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}, "data": {}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a profile, a description of the cluster, and what is written."""
    described = {"image": "registry.test/team/digits", "mlflow_uri": "http://mlflow.test:5000"}
    (tmp_path / "cluster.yaml").write_text(json.dumps(described))
    (tmp_path / "team.yaml").write_text(PROFILE)
    monkeypatch.setattr(cluster, "FILE", tmp_path / "cluster.yaml")
    monkeypatch.setattr(manifests, "FOLDER", tmp_path / "made")
    return tmp_path


def make(project: Path, *arguments: str, rendered: Any = None, **options: Any) -> int:
    """`make manifests` for an orchestrator that renders what the test says."""
    found = {"own": [OWN]} if rendered is None else rendered
    given = ["--profile", str(project / "team.yaml"), *arguments]
    return main(lambda *_: found, arguments=given, **options)


def read(project: Path, stem: str) -> dict[str, Manifest]:
    """The documents of a file, by kind."""
    text = (project / "made" / f"{stem}.yaml").read_text(encoding="utf-8")
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def test_the_same_settings_give_the_same_files_and_files_of_earlier_calls_go(project: Path) -> None:
    assert make(project, rendered={"own": [OWN], "old": [OWN]}) == 0
    first = {path.name: path.read_bytes() for path in (project / "made").iterdir()}
    assert set(first) == {"own.yaml", "old.yaml", "serving.yaml", "prune.yaml"}
    (project / "made" / "mine.yaml").write_text("a: 1\n")
    assert make(project) == 0
    assert {path.name: path.read_bytes() for path in (project / "made").iterdir()} == {
        **{name: text for name, text in first.items() if name != "old.yaml"},
        "mine.yaml": b"a: 1\n",
    }


def test_files_hold_what_was_rendered(project: Path) -> None:
    shares: Manifest = {"name": "own", "labels": {"a": "b"}}
    text = {"a": "two\nlines  \n", "b": "'quoted': \"twice\"", "c": "no", "d": "1e3", "e": " x"}
    rendered = {**OWN, "metadata": shares, "data": text}
    assert make(project, rendered={"own": [rendered, {**rendered, "kind": "Secret"}]}) == 0
    assert read(project, "own") == {"ConfigMap": rendered, "Secret": {**rendered, "kind": "Secret"}}
    assert "&id" not in (project / "made" / "own.yaml").read_text()


def test_nothing_is_written_when_something_cannot_be_rendered(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> dict[str, list[Manifest]]:
        raise PipelineError("there is no queue: name one")

    assert main(fail, arguments=["--profile", str(project / "team.yaml")]) == 1
    assert capsys.readouterr().err == "error: there is no queue: name one\n"
    assert not (project / "made").exists()


def test_the_server_and_the_prune_get_the_settings_as_they_are_on_disk(project: Path) -> None:
    assert make(project) == 0
    before = read(project, "serving")
    data = before["ConfigMap"]["data"]
    assert data["team.yaml"] == PROFILE
    assert data["base.yaml"] == (settings.CONFIGS / "base.yaml").read_text(encoding="utf-8")
    assert read(project, "prune")["ConfigMap"] == before["ConfigMap"]
    assert "\n  team.yaml: |\n    compute: k" in (project / "made" / "serving.yaml").read_text()

    (project / "team.yaml").write_text(f"{PROFILE}# another day\n")
    assert make(project) == 0
    after = read(project, "serving")
    pod = after["Deployment"]["spec"]["template"]["spec"]
    assert pod["volumes"][-1]["configMap"] == {"name": after["ConfigMap"]["metadata"]["name"]}
    assert pod["volumes"][-1] != before["Deployment"]["spec"]["template"]["spec"]["volumes"][-1]
    assert pod["containers"][0]["volumeMounts"][-1]["mountPath"] == "/app/configs"
    assert "--profile team serve" in " ".join(pod["containers"][0]["command"])


def test_the_prune_starts_what_the_orchestrator_says_or_is_left_to_it(project: Path) -> None:
    assert make(project, prune=("pipeline/prune.py",)) == 0
    spec = read(project, "prune")["CronJob"]["spec"]
    (work,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert work["command"] == ["python", "pipeline/prune.py", "--profile", "team", "--apply"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert make(project, prune=None) == 0
    assert not (project / "made" / "prune.yaml").exists()


def test_a_profile_for_batch_has_no_manifests_of_kubernetes(project: Path) -> None:
    (project / "team.yaml").write_text(PROFILE.replace("kubernetes", "batch"))
    assert make(project, rendered={}) == 0
    assert not (project / "made").exists()


def test_a_profile_of_this_machine_is_refused_with_what_to_set(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "team.yaml").write_text("compute: local\n")
    assert make(project) == 1
    assert "say compute: kubernetes" in capsys.readouterr().err


def test_validate_says_all_that_is_wrong_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {**OWN, "metadata": {"name": "Own"}, "dat": {}}
    check = ["the flow has a step without a place"]
    assert make(project, "--check", rendered={"own": [broken]}, check=lambda *_: check) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "error: the manifests have problems:"
    assert said[1:] == [
        "  - own.yaml: ConfigMap Own: there is no field dat; did you mean data?",
        "  - own.yaml: ConfigMap Own: 'Own' is no name for a ConfigMap: at most 253 small letters, "
        "digits and dashes",
        "  - the flow has a step without a place",
    ]
    assert make(project, "--check", "-k", "1.37", check=lambda *_: []) == 0
    assert "manifests for Kubernetes 1.37: no problems found" in capsys.readouterr().out
    assert not (project / "made").exists()


@pytest.mark.parametrize(
    "name", ["digits", "My_Project", "a" * 70, "9lives", "-", "", "Zürich", "a/b: {c}", "a--b"]
)
def test_any_name_of_a_project_makes_names_that_kubernetes_takes(name: str) -> None:
    chosen, described = make_settings(project=name), make_cluster()
    assert problems(shared(chosen, described, "local"), described, KUBERNETES) == []


def test_names_that_differ_stay_different() -> None:
    names = ["digits", "Digits!", "digits?", "d" * 50, "d" * 51, "1", "p-1", "ä", "ö"]
    assert len({object_name(name) for name in names}) == len(names)
    assert object_name("my_project") == "my-project"


def test_only_a_task_with_a_gpu_gets_what_belongs_to_gpus() -> None:
    chosen, described = make_settings(), make_cluster()
    for asked, gpu in ((TRAIN, True), (Resources(), False)):
        work = pods.container("work", ["work"], described, chosen, asked)
        spec = pods.pod_spec(work, described, chosen, asked)
        amounts = work["resources"]
        assert amounts["requests"] == amounts["limits"]
        assert amounts["limits"].get("nvidia.com/gpu") == ("1" if gpu else None)
        assert ("tolerations" in spec, "nodeSelector" in spec) == (gpu, gpu)
        shm = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8192Mi"}}
        assert (shm in spec["volumes"]) == gpu
        places = [mount["mountPath"] for mount in work["volumeMounts"]]
        assert places == ["/tmp", *(["/dev/shm"] if gpu else []), "/mnt/store"]  # noqa: S108


def test_a_store_in_a_bucket_needs_no_volume() -> None:
    chosen, described = make_settings(storage_root="s3://bucket"), make_cluster()
    work = pods.container("work", ["work"], described, chosen, Resources())
    assert [mount["name"] for mount in work["volumeMounts"]] == ["tmp"]
    assert len(pods.volumes(described, chosen, Resources())) == 1


def test_variables_come_from_the_cluster_and_secrets_stay_there() -> None:
    described = make_cluster(variables={"OMP_NUM_THREADS": "3", "B": "b"})
    assert pods.environment(described, Resources(cpu=8)) == [
        {"name": "OMP_NUM_THREADS", "value": "3"},
        {"name": "MLFLOW_TRACKING_URI", "value": "http://mlflow.test:5000"},
        {"name": "B", "value": "b"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "key"}}},
        {"name": "ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}},
    ]


def test_who_a_pod_is_and_where_its_image_is_pulled_from() -> None:
    chosen, described = make_settings(), make_cluster()
    spec = pods.pod_spec({}, described, chosen, Resources())
    assert spec["serviceAccountName"] == "trainer"
    assert spec["automountServiceAccountToken"] is False
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert pods.queue_labels(described) == {"kueue.x-k8s.io/queue-name": "team-queue"}
    assert pods.pod_spec({}, described, chosen, TRAIN, calls_api=True)[
        "automountServiceAccountToken"
    ]
    bare = make_cluster(service_account=None, pull_secrets=[], queue=None, node_selector={})
    assert pods.queue_labels(bare) == {}
    spec = pods.pod_spec({}, bare, chosen, TRAIN)
    assert not {"serviceAccountName", "imagePullSecrets", "nodeSelector"} & set(spec)
