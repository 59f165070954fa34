"""deploy/cluster.yaml: its mistakes are listed by line, and profiles must fit a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from conftest import SCAFFOLDS, MakeRun

from mlpo_kit.cluster.description import Cluster, check_filled_in, find_examples, read_cluster
from mlpo_kit.config.documents import merge
from mlpo_kit.config.project import Project
from mlpo_kit.config.sections import section
from mlpo_kit.config.settings import check_settings, parse_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.pipeline import load_pipeline

GOOD = {"image": "registry.test/team/model", "mlflow_uri": "http://mlflow.test:5000"}
Describe = Callable[..., Cluster]


@section
class Own:
    """Fields that only an orchestrator needs."""

    server: str
    queues: list[str] | None = None


@section
class OwnCluster(Cluster):
    """The cluster with an orchestrator's fields, as adapters have it."""

    own: Own | None = None


@pytest.fixture
def describe(toy: Project) -> Describe:
    """A function that rewrites deploy/cluster.yaml: `describe(device="cpu")`."""
    file = toy.root / "deploy" / "cluster.yaml"

    def write(**keys: Any) -> Cluster:
        file.write_text(yaml.safe_dump({**GOOD, **keys}, sort_keys=False))
        return read_cluster(OwnCluster)

    return write


def load_profile(**changes: Any) -> Any:
    base = parse_profile("compute: kubernetes\nstorage_root: s3://bucket/prefix\n")
    return check_settings(merge(base, changes))


def test_all_mistakes_are_listed_at_once_by_line_with_suggestions(
    describe: Describe,
) -> None:
    with pytest.raises(PipelineError) as wrong:
        describe(
            image="Model:latest",
            nodeselector={},
            tolerations=[{"key": "a"}, {"kee": "a", "key": "b"}],
            server={"gpu": 1},
            queue="A b",
            own={"servr": "x", "queues": "one"},
        )
    title, *lines = str(wrong.value).splitlines()
    assert title == "deploy/cluster.yaml is wrong:"
    assert [line.strip().removeprefix("deploy/cluster.yaml:") for line in lines] == [
        "1: image: 'Model:latest' is not a valid name of an image without a tag, such as "
        "registry.example.org/team/pets",
        "3: nodeselector: there is no such name; did you mean node_selector?",
        "6: tolerations.1.kee: there is no such name; did you mean key?",
        "8: server: the model server runs on the CPU: remove gpu",
        "10: queue: 'A b' is not a valid name in Kubernetes: small letters, digits, dashes and "
        "dots",
        "11: own.server: Field required",
        "12: own.servr: there is no such name; did you mean server?",
        "13: own.queues: Input should be a valid list",
    ]


def test_mistakes_in_the_profile_are_listed_too(describe: Describe, toy: Project) -> None:
    describe()
    (toy.root / "deploy" / "cluster.yaml").write_text("image: registry.test/team/model\n")
    with pytest.raises(PipelineError) as wrong:
        read_cluster(Cluster, load_profile(compute="local", storage_root="."))
    assert [line.strip().partition(": ")[0] for line in str(wrong.value).splitlines()] == [
        "deploy/cluster.yaml is wrong:",
        "deploy/cluster.yaml",  # it has no mlflow_uri
        "this profile does not fit a cluster:",
        "compute is local",
        "storage_root is ., a folder of this machine",
    ]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"image": "registry.test/team/model:1"}, "not a valid name of an image without a tag"),
        ({"image": "model"}, "not a valid name of an image"),
        ({"namespace": "a" * 64}, "not a valid namespace: at most 63"),
        ({"namespace": "a.b"}, "not a valid namespace"),
        ({"mlflow_uri": "sqlite:///x"}, "'sqlite:///x' is not a valid address"),
        ({"variables": {"1a": "x"}}, "'1a' is not a valid name of a variable"),
        (
            {"secrets": {"s3": {"key": "a-b"}}},
            "cluster.yaml:5: secrets.s3.key: 'a-b' is not a valid name",
        ),
        ({"secrets": {"S3": {}}}, "'S3' is not a valid name in Kubernetes"),
    ],
)
def test_names_that_kubernetes_would_refuse_are_refused(
    describe: Describe, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(PipelineError, match=words):
        describe(**keys)


def test_names_with_a_port_a_dot_or_the_greatest_length_are_accepted(describe: Describe) -> None:
    cluster = describe(image="localhost:5000/a", namespace="a" * 63, queue="a.b", secrets={"a": {}})
    assert cluster.image == "localhost:5000/a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"^deploy/cluster\.yaml is wrong:\n  deploy/cluster\.yaml: image: Field required"),
        ("a: [", r"^deploy/cluster\.yaml:1: not valid YAML: expected the node content"),
        ("[image]", r"^deploy/cluster\.yaml must hold"),
        (None, r"^deploy/cluster\.yaml can't be read"),
    ],
)
def test_a_missing_or_invalid_file_is_reported_in_one_sentence(
    toy: Project, text: str | None, words: str
) -> None:
    file = toy.root / "deploy" / "cluster.yaml"
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(PipelineError, match=words):
        read_cluster(Cluster)


def test_names_of_an_orchestrator_can_be_ignored(
    describe: Describe,
) -> None:
    describe(own={"server": "x"}, device="cpu")
    assert read_cluster(Cluster, ignore_unknown=True).device == "cpu"
    assert read_cluster(Cluster, device="cuda", ignore_unknown=True).device == "cuda"
    with pytest.raises(PipelineError, match="own: there is no such name"):
        read_cluster(Cluster)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compute": "local"}, "compute is local: set compute: kubernetes"),
        (
            {"storage_root": "/mnt/store"},
            "name the claim of the volume that is mounted there in volume_claim",
        ),
    ],
)
def test_a_profile_that_does_not_fit_is_reported_with_the_fix(
    describe: Describe, changes: dict[str, Any], words: str
) -> None:
    describe()
    with pytest.raises(PipelineError, match=words):
        read_cluster(Cluster, load_profile(**changes))


def test_a_local_folder_is_refused_as_a_clusters_store(toy: Project) -> None:
    with pytest.raises(PipelineError, match="a folder of this machine: set it to a bucket"):
        load_profile(storage_root=".")


@pytest.mark.parametrize("named", [None, "sqlite:///registry/mlflow.db"])
def test_stages_without_a_shared_disk_refuse_a_registry_in_a_file(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, toy: Project, named: str | None
) -> None:
    run = make_run(compute="kubernetes", storage_root=str(toy.root / "store"))
    if named:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    with pytest.raises(PipelineError, match="set MLFLOW_TRACKING_URI to the MLflow server"):
        run_stage(run, load_pipeline()["ingest"])
    assert not list((toy.root / "store").glob("runs/*"))


def test_example_values_are_found(describe: Describe) -> None:
    check_filled_in(describe(), load_profile())
    example = describe(
        image="registry.example.com/x", own={"server": "x", "queues": ["https://example.com"]}
    )
    settings = load_profile(storage_root="s3://example-bucket/x")
    with pytest.raises(PipelineError) as left:
        check_filled_in(example, settings)
    assert "image in deploy/cluster.yaml: registry.example.com/x" in str(left.value)
    assert "storage_root in the profile: s3://example-bucket/x" in str(left.value)
    assert set(find_examples(example, settings)) == {
        "image in deploy/cluster.yaml",
        "own.queues.0 in deploy/cluster.yaml",
        "storage_root in the profile",
    }


def test_a_new_projects_description_has_example_values(toy: Project) -> None:
    template = SCAFFOLDS / "core" / "deploy" / "cluster.yaml.jinja"
    text = template.read_text().replace("{{ package }}", "toy")
    (toy.root / "deploy" / "cluster.yaml").write_text(text)
    examples = find_examples(read_cluster(Cluster), load_profile())
    assert set(examples) == {"image in deploy/cluster.yaml", "mlflow_uri in deploy/cluster.yaml"}
