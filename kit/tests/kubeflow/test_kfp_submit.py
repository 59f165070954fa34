"""Submitting with KFP's real client, to a server that checks the API's published schema."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kfp_project import KUBEFLOW, NIGHTLY, change_yaml, kfp_user, read_error
from kfp_server import FakeApi, find_specification, serve_api

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project

__all__ = ["kfp_user"]
pytestmark = [KUBEFLOW, pytest.mark.slow]


@pytest.fixture
def fake(kfp_user: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A server, and the environment that names it."""
    with serve_api(FakeApi()) as fake:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", fake.url)
        yield fake


def test_a_version_is_uploaded_once_and_run_each_time(
    fake: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit"]) == 0
    assert main(["submit", "--no-cache"]) == 0

    assert (len(fake.experiments), len(fake.pipelines), len(fake.versions)) == (1, 1, 1)
    version = fake.versions[0]
    executors = find_specification(version)["deploymentSpec"]["executors"]
    tag = executors["exec-train"]["container"]["image"].partition(":")[2]
    assert version["display_name"].rpartition("-")[0] == tag
    chosen = [run["runtime_config"].get("parameters", {}) for run in fake.runs]
    assert chosen == [{}, {"use_cache": False}]
    said = capsys.readouterr().out.splitlines()
    for run, line in zip(fake.runs, said, strict=True):
        reference = run["pipeline_version_reference"]
        assert reference["pipeline_version_id"] == version["pipeline_version_id"]
        assert line == f"run {run['run_id']}: {fake.url}/#/runs/details/{run['run_id']}"


def test_another_setting_is_another_version(fake: FakeApi, kfp_user: Project) -> None:
    assert main(["submit"]) == 0
    other = kfp_user.configs / "other.yaml"
    other.write_text((kfp_user.configs / "cluster.yaml").read_text())
    change_yaml(other, {"storage_root": "s3://bucket/other"})
    assert main(["submit", "--profile", "other"]) == 0
    changes = ["--set", "register.min_accuracy=0.9", "--set", "resources.train.cpu=7"]
    assert main(["submit", *changes]) == 0
    names = [version["display_name"] for version in fake.versions]
    assert len(set(names)) == 3
    assert len(fake.pipelines) == 1
    executors = find_specification(fake.versions[2])["deploymentSpec"]["executors"]
    assert executors["exec-train"]["container"]["resources"]["resourceCpuLimit"] == "7"


def test_a_version_is_found_among_many(fake: FakeApi) -> None:
    assert main(["submit"]) == 0
    mine = fake.versions[0]
    for number in range(250):
        other = {"display_name": f"older-{number}", "pipeline_version_id": str(number)}
        fake.versions.insert(0, mine | other)
    assert main(["submit"]) == 0
    assert len(fake.versions) == 251


def test_there_is_one_schedule_and_the_last_one_counts(
    fake: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schedule", "--cron", NIGHTLY]) == 0
    first = fake.recurring[0]
    assert main(["schedule", "--cron", NIGHTLY]) == 0
    assert fake.recurring == [first]
    assert first["trigger"]["cron_schedule"]["cron"] == NIGHTLY
    assert first["mode"] == "ENABLE"
    assert first["no_catchup"] is True

    assert main(["schedule", "--cron", "0 0 4 * * *", "--no-cache"]) == 0
    assert len(fake.recurring) == 1
    assert fake.recurring[0]["trigger"]["cron_schedule"]["cron"] == "0 0 4 * * *"
    assert fake.recurring[0]["runtime_config"]["parameters"] == {"use_cache": False}
    assert fake.recurring[0]["recurring_run_id"] in capsys.readouterr().out


def test_pruning_has_a_schedule_of_its_own(fake: FakeApi) -> None:
    assert main(["schedule", "--cron", NIGHTLY]) == 0
    for cron in (NIGHTLY, "0 0 5 * * *", "0 0 5 * * *"):
        assert main(["schedule-prune", "--cron", cron]) == 0
    training, pruning = fake.recurring
    assert training["trigger"]["cron_schedule"]["cron"] == NIGHTLY
    assert pruning["display_name"] == f"{training['display_name']}-prune"
    assert pruning["trigger"]["cron_schedule"]["cron"] == "0 0 5 * * *"
    assert pruning["runtime_config"]["parameters"] == {}
    tasks = find_specification(fake.versions[1])["root"]["dag"]["tasks"]
    assert list(tasks) == ["prune"]


def test_a_schedule_that_someone_switched_off_is_on_again(fake: FakeApi) -> None:
    assert main(["schedule", "--cron", NIGHTLY]) == 0
    off = fake.recurring[0]
    off["status"] = "DISABLED"
    assert main(["schedule", "--cron", NIGHTLY]) == 0
    assert [run["status"] for run in fake.recurring] == ["ENABLED"]
    assert fake.recurring[0]["recurring_run_id"] != off["recurring_run_id"]


def test_a_cron_of_five_fields_is_refused_before_anything_is_sent(
    fake: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "does not have six fields" in read_error(capsys, "schedule", "--cron", "0 3 * * *")
    assert fake.experiments == []
