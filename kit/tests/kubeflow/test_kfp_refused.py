"""Errors that keep a pipeline from being submitted, with KFP's real client."""

from __future__ import annotations

from collections.abc import Iterator

import kfp_http
import pytest
from kfp_project import (
    KUBEFLOW,
    NIGHTLY,
    describe_cluster,
    edit_pipeline,
    kfp_user,
    read_error,
)
from kfp_server import FakeApi, serve_api

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import read_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow import server
from mlpo_kit.kubeflow.compiling import compile_document
from mlpo_kit.kubeflow.running import run_here

__all__ = ["kfp_user"]
pytestmark = [KUBEFLOW, pytest.mark.slow, pytest.mark.usefixtures("kfp_user")]


@pytest.fixture
def fake(kfp_user: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A server, and the environment that names it."""
    with serve_api(FakeApi()) as fake:
        monkeypatch.setenv(server.ENDPOINT, fake.url)
        yield fake


def test_a_token_is_sent_and_missed(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.token = "secret"
    assert "KF_PIPELINES_TOKEN is not set" in read_error(capsys, "submit")
    monkeypatch.setenv(server.TOKEN, "old")
    assert "KF_PIPELINES_TOKEN has expired" in read_error(capsys, "submit")
    monkeypatch.setenv(server.TOKEN, "secret")
    assert main(["submit"]) == 0


def test_a_server_of_many_teams_asks_for_the_namespace(
    fake: FakeApi, toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.multi_user = True
    describe_cluster(toy, namespace="kubeflow")
    assert "name yours in deploy/cluster.yaml" in read_error(capsys, "submit")
    describe_cluster(toy, namespace="team-a")
    for _ in range(2):
        assert main(["submit"]) == 0
    assert fake.experiments[0]["namespace"] == "team-a"
    assert fake.pipelines[0]["namespace"] == "team-a"
    assert len(fake.pipelines) == 1


def test_a_missing_server_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "KF_PIPELINES_ENDPOINT does not name a server" in read_error(capsys, "submit")
    monkeypatch.setenv(server.ENDPOINT, "http://127.0.0.1:9")
    assert "no server answers at http://127.0.0.1:9" in read_error(capsys, "submit")


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "is not Kubeflow Pipelines 2"), (200, "may name a login page"), (503, "fails with 503")],
)
def test_a_server_that_is_not_kubeflow_pipelines_is_reported(
    status: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with kfp_http.serve(lambda _: (status, "<html>Sign in</html>")) as url:
        monkeypatch.setenv(server.ENDPOINT, url)
        assert words in read_error(capsys, "submit")


def test_a_failed_request_is_reported_with_the_servers_message(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "PAGE", 201)
    message = read_error(capsys, "submit")
    assert "the server did not start the run: 400 Invalid input error: the page size" in message


def test_a_lost_connection_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile_document(read_profile("cluster"))
    with serve_api(FakeApi()) as fake:
        monkeypatch.setenv(server.ENDPOINT, fake.url)
        client = server.connect()
    with pytest.raises(PipelineError, match="to the server was lost while trying to start the run"):
        server.start_run(client, compiled)


def test_a_run_has_the_account_that_is_named(fake: FakeApi, toy: Project) -> None:
    describe_cluster(toy, service_account="trainer")
    for arguments in (["submit"], ["schedule", "--cron", NIGHTLY], ["schedule", "--cron", NIGHTLY]):
        assert main(arguments) == 0
    assert fake.runs[0]["service_account"] == "trainer"
    assert [run["service_account"] for run in fake.recurring] == ["trainer"]


def test_a_server_that_is_too_old_is_reported_and_keeps_nothing(
    fake: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.old = True
    for _ in range(2):
        assert "it is older than the Kubeflow Pipelines 2.17" in read_error(capsys, "submit")
        assert fake.versions == fake.runs == []
    fake.old = False
    assert main(["submit"]) == 0


def test_an_exceeded_quota_is_reported_and_the_next_try_succeeds(
    fake: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.full = True
    said = read_error(capsys, "submit")
    assert "the namespace's quota leaves no room to start the run: workflows is forbidden" in said
    fake.full = False
    assert main(["submit"]) == 0
    assert (len(fake.pipelines), len(fake.versions), len(fake.runs)) == (1, 1, 1)


def test_what_was_never_filled_in_or_built_is_not_submitted(
    fake: FakeApi, toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy.root / "deploy" / "base-image").write_text("python:3.11-slim\n")
    describe_cluster(toy, image="registry.example.com/project")
    said = read_error(capsys, "submit")
    assert "image in deploy/cluster.yaml is an example, registry.example.com/project" in said
    assert "deploy/base-image names python:3.11-slim without a digest" in said
    assert fake.experiments == []


def test_the_profile_of_a_cluster_does_not_run_here() -> None:
    with pytest.raises(PipelineError, match=r"compute is kubernetes, .*`make submit`"):
        run_here(read_profile("cluster"))


def test_a_file_that_disagrees_or_a_trap_is_not_submitted(
    fake: FakeApi, toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_pipeline(toy, ".after(checked)", ".set_container_image('registry.local/p:latest')")
    edit_pipeline(toy, 'history=trained.outputs["history"]', 'history=evaluated.outputs["report"]')
    error = read_error(capsys, "submit")
    assert "exec-train: the image registry.local/p:latest can change at any time" in error
    assert "register gets history = evaluate.report, but PIPELINE says train.history" in error
    assert fake.experiments == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    train,\n", "    trian,\n", "no stage 'trian'; did you mean train?"),
        ('outputs["dataset"]', 'outputs["datset"]', "no output 'datset'; did you mean dataset?"),
        ('"splits": prepared', '"split": prepared', "no input 'split'; did you mean splits?"),
        ("validate(**rows, **run", "validate(**run", "which is preprocess."),
        ('name="promoted"', "named=1", "TypeError: If.__init__() got"),
        (
            "from kfp import dsl",
            "from __future__ import annotations\nfrom kfp import dsl",
            "remove",
        ),
        ("@dsl.pipeline\n", "", "has 0 functions with @dsl.pipeline"),
        ("def training(", "def training((", "SyntaxError"),
    ],
)
def test_a_slip_in_the_pipeline_file_is_one_sentence_with_its_line(
    toy: Project, old: str, new: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_pipeline(toy, old, new)
    error = read_error(capsys, "compile")
    assert words in error
    assert error.startswith("error: pipeline/training.py")
    assert error.count("\n") == 1


def test_an_error_with_one_profile_only_is_one_sentence_with_its_line(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_pipeline(
        toy,
        '"use_cache": use_cache}\n',
        '"use_cache": use_cache}\n    from mlpo_kit.kubeflow.tracing import find_tracing\n'
        "    assert find_tracing().profile is None, 'not there'\n",
    )
    lines = (toy.root / "pipeline" / "training.py").read_text().splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if "not there" in line]
    error = read_error(capsys, "compile")
    assert error == f"error: pipeline/training.py, line {number}: AssertionError: not there\n"
