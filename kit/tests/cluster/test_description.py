"""What a cluster is described by, and what does not fit one."""

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
    """What only an orchestrator needs to know."""

    server: str
    queues: list[str] | None = None


@section
class OwnCluster(Cluster):
    """The cluster with an orchestrator's part, as adapters have it."""

    own: Own | None = None


@pytest.fixture
def describe(toy: Project) -> Describe:
    """Describes the cluster anew: `describe(device="cpu")`."""
    file = toy.root / "deploy" / "cluster.yaml"

    def write(**keys: Any) -> Cluster:
        file.write_text(yaml.safe_dump({**GOOD, **keys}, sort_keys=False))
        return read_cluster(OwnCluster)

    return write


def load_profile(**changes: Any) -> Any:
    base = parse_profile("compute: kubernetes\nstorage_root: s3://bucket/prefix\n")
    return check_settings(merge(base, changes))


def test_all_that_is_wrong_is_named_at_once_by_line_with_what_was_meant(
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
        "1: image: 'Model:latest' is no name of an image without a tag, such as "
        "registry.example.org/team/pets",
        "3: nodeselector: there is no such name; did you mean node_selector?",
        "6: tolerations.1.kee: there is no such name; did you mean key?",
        "8: server: it asks for a GPU, and the model server computes on the CPU: leave gpu out",
        "10: queue: 'A b' is no name in Kubernetes: small letters, digits, dashes and dots",
        "11: own.server: Field required",
        "12: own.servr: there is no such name; did you mean server?",
        "13: own.queues: Input should be a valid list",
    ]


def test_the_profile_is_looked_at_in_the_same_pass(describe: Describe, toy: Project) -> None:
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
        ({"image": "registry.test/team/model:1"}, "no name of an image without a tag"),
        ({"image": "model"}, "no name of an image"),
        ({"namespace": "a" * 64}, "no namespace: at most 63"),
        ({"namespace": "a.b"}, "no namespace"),
        ({"mlflow_uri": "sqlite:///x"}, "'sqlite:///x' is no address"),
        ({"variables": {"1a": "x"}}, "'1a' is no name of a variable"),
        ({"secrets": {"s3": {"key": "a-b"}}}, "cluster.yaml:5: secrets.s3.key: 'a-b' is no name"),
        ({"secrets": {"S3": {}}}, "'S3' is no name in Kubernetes"),
    ],
)
def test_names_are_of_the_form_that_works(
    describe: Describe, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(PipelineError, match=words):
        describe(**keys)


def test_names_with_a_port_a_dot_or_the_longest_length_are_fine(describe: Describe) -> None:
    cluster = describe(image="localhost:5000/a", namespace="a" * 63, queue="a.b", secrets={"a": {}})
    assert cluster.image == "localhost:5000/a"


@pytest.mark.parametrize("text", ["", "a: [", "[image]", None])
def test_a_file_that_describes_nothing_is_one_sentence(toy: Project, text: str | None) -> None:
    file = toy.root / "deploy" / "cluster.yaml"
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(PipelineError, match=r"deploy/cluster\.yaml (can't be read|must hold)"):
        read_cluster(Cluster)


def test_a_name_of_an_orchestrator_is_allowed_where_that_is_asked_for(
    describe: Describe,
) -> None:
    describe(own={"server": "x"}, device="cpu")
    assert read_cluster(Cluster, others=True).device == "cpu"
    assert read_cluster(Cluster, device="cuda", others=True).device == "cuda"
    with pytest.raises(PipelineError, match="own: there is no such name"):
        read_cluster(Cluster)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compute": "local"}, "compute is local: say compute: kubernetes"),
        ({"storage_root": "/mnt/store"}, "name the volume there in volume_claim"),
    ],
)
def test_a_profile_that_does_not_fit_says_what_to_set(
    describe: Describe, changes: dict[str, Any], words: str
) -> None:
    describe()
    with pytest.raises(PipelineError, match=words):
        read_cluster(Cluster, load_profile(**changes))


def test_a_folder_of_this_machine_is_no_store_of_a_cluster(toy: Project) -> None:
    with pytest.raises(PipelineError, match="a folder of this machine: set it to a bucket"):
        load_profile(storage_root=".")


@pytest.mark.parametrize("named", [None, "sqlite:///registry/mlflow.db"])
def test_stages_that_share_no_disk_refuse_a_registry_in_a_file(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, toy: Project, named: str | None
) -> None:
    run = make_run(compute="kubernetes", storage_root=str(toy.root / "store"))
    if named:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    with pytest.raises(PipelineError, match="set MLFLOW_TRACKING_URI to the MLflow server"):
        run_stage(run, load_pipeline()["ingest"])
    assert not list((toy.root / "store").glob("runs/*"))


def test_examples_are_not_taken_for_a_cluster(describe: Describe) -> None:
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


def test_the_description_of_a_new_project_is_one_with_examples(toy: Project) -> None:
    template = SCAFFOLDS / "core" / "deploy" / "cluster.yaml.jinja"
    text = template.read_text().replace("{{ package }}", "toy")
    (toy.root / "deploy" / "cluster.yaml").write_text(text)
    examples = find_examples(read_cluster(Cluster), load_profile())
    assert set(examples) == {"image in deploy/cluster.yaml", "mlflow_uri in deploy/cluster.yaml"}
