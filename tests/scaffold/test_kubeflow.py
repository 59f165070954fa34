"""The Kubeflow project, used as its README says: here, and up to the door of a cluster.

What the adapter does is tested where it is: kit/tests/kubeflow.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import urllib.request

import pytest
import yaml
from environments import environment
from kubeflow_trainer_api.models import TrainerV1alpha1TrainJob
from projects import MAXIMAL, MINIMAL, Project, bare_environment, compare_defaults, generate

pytestmark = pytest.mark.slow

NO_NETWORK = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def isolates() -> bool:
    """Whether this machine lets us run a command without any network but loopback."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def green(tmp_path_factory) -> Project:
    """A minimal project on a path that needs quotes, run once with its defaults."""
    folder = tmp_path_factory.mktemp("a python3 folder")
    project = generate(folder, *MINIMAL, orchestrator="kubeflow")
    project.borrow_environment(environment("kubeflow", tmp_path_factory))
    project.make("run")
    return project


@pytest.fixture
def fresh(green, tmp_path) -> Project:
    """A project of its own, without runs, that borrows the environment of the green one."""
    project = generate(tmp_path, *MINIMAL, orchestrator="kubeflow")
    project.borrow_environment(green.path / ".venv")
    return project


def test_the_defaults_reach_the_accuracy_that_we_promise(green, tmp_path_factory):
    latest = green.latest()
    compare_defaults(latest, tmp_path_factory)
    assert latest["status"] == "completed"
    assert latest["metrics"]["accuracy"] >= 0.97
    assert (latest["model"]["version"], latest["model"]["alias"]) == (1, "champion")
    assert green.champion() == 1
    assert green.states() == dict.fromkeys(green.states(), "completed")


def test_the_summary_document_has_the_published_shape(green):
    latest = green.latest()
    assert latest["schema_version"] == 2
    assert latest["orchestrator"] == "kubeflow"
    assert re.fullmatch("[0-9a-f]{64}", latest["dataset"]["version"])
    assert re.fullmatch("[0-9a-f]{64}", latest["model"]["digest"])
    for stage in latest["stages"]:
        assert set(stage) == {"name", "status", "cache", "reason", "seconds"}


def test_the_report_the_predictions_and_the_server_are_the_champions(green):
    assert str(green.path / "report.html") in green.make("report").stdout
    page = (green.path / "report.html").read_text()
    assert green.latest()["run_id"] in page
    assert not re.search(r'(src|href)="(?!data:)', page)

    printed = green.make("predict").stdout
    assert len(re.findall(r"^  \d \(\d+\.\d%\), the truth is \d$", printed, re.MULTILINE)) == 5

    with subprocess.Popen(
        ["make", "serve", "PORT=0"],
        cwd=green.path,
        env=bare_environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            url = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]
            with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
                assert json.load(answer)["digest"] == green.latest()["model"]["digest"]
        finally:
            os.killpg(server.pid, signal.SIGINT)


@pytest.mark.full
def test_style_types_and_tests_of_a_minimal_project_pass(green):
    green.make("lint")
    green.make("test")


def test_the_cluster_commands_work_up_to_the_cluster(green):
    printed = green.make("compile").stdout
    assert "needs the image registry.example.com/my_project:" in printed
    assert "no problems found" in green.make("validate").stdout
    assert "build/manifests/serving.yaml" in green.make("manifests").stdout
    stopped = green.make("submit", check=False)
    assert stopped.returncode != 0
    assert "image in deploy/cluster.yaml is an example, registry.example.com/" in stopped.stderr
    assert "storage_root in the profile is an example, s3://example-bucket/" in stopped.stderr
    assert "without a digest" in stopped.stderr
    stopped = green.make("run", "PROFILE=cluster", check=False)
    assert "compute is kubernetes, so this profile is not for a run on this" in stopped.stderr
    assert "`make submit`" in stopped.stderr
    for verb in ("schedule", "schedule-prune"):
        missing = green.make(verb, check=False)
        assert "required: --cron" in missing.stderr
    green.edit("deploy/cluster.yaml", "http://mlflow.example.com:5000", "mlruns")
    stopped = green.make("validate", check=False)
    green.edit("deploy/cluster.yaml", "mlruns", "http://mlflow.example.com:5000")
    wrong = r"deploy/cluster\.yaml is wrong:\n  deploy/cluster\.yaml:\d+: mlflow_uri: "
    assert re.search(wrong, stopped.stderr), stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_the_way_to_a_cluster_names_commands_settings_and_files_that_exist(green):
    page = (green.path / "docs" / "cluster.md").read_text()
    known = re.findall(r"^  make ([a-z-]+)", green.make("help").stdout, re.MULTILINE)
    assert set(re.findall(r"`?make ([a-z-]+)", page)) <= {*known}
    described = yaml.safe_load((green.path / "deploy" / "cluster.yaml").read_text())
    for key in ("secrets", "variables", "volume_claim", "volume_gib", "ttl_seconds", "api"):
        assert key in described
        assert f"`{key}`" in page
    for path in re.findall(r"`((?:deploy|configs)/[a-z-.]+)`", page):
        assert (green.path / path).exists(), path
    assert "(docs/cluster.md)" in (green.path / "README.md").read_text()


def test_a_second_run_uses_the_first_and_a_prune_leaves_what_it_uses(green):
    """Comes after the tests that look at the first run, in a project where nothing was edited."""
    first = green.latest()
    green.edit("configs/base.yaml", "keep_last: 10", "keep_last: 1")
    green.edit("configs/base.yaml", "max_gib: 20", "max_gib: 0.000001")
    done = green.make("run", "ARGS=--profile local")
    second = green.latest()
    assert [stage["cache"] for stage in second["stages"]] == 5 * ["hit"] + 2 * ["off"]
    assert (second["metrics"], second["model"]) == (first["metrics"], first["model"])
    # After a green run the policy is applied: what the second run uses of the first is there.
    assert "pruned: 1 run;" in done.stdout
    assert [path.name for path in (green.path / "local_outputs").iterdir()] == [second["run_id"]]
    printed = green.make("prune").stdout
    assert re.search(rf"{second['run_id']} .* kept +one of the last 1", printed)
    assert re.search(
        rf"{first['run_id']} .* rest stays  pruned before; the rest is still in use", printed
    )
    assert green.champion() == 1


def test_the_readmes_commands_do_what_it_says(fresh):
    readme = (fresh.path / "README.md").read_text()
    run, other_data = re.findall(r"^make (run ARGS='.+?')\s+#", readme, re.MULTILINE)

    done = type_in(fresh, run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "epoch 5/5" in done.stdout
    assert fresh.champion() == 1

    done = type_in(fresh, other_data.replace("<hash>", "f" * 64))
    assert done.returncode != 0
    assert "asks for the data ffffffffffff" in done.stdout


@pytest.mark.full
def test_what_stops_a_run_leaves_a_champion_that_is_true(fresh):
    fresh.make("run", "ARGS=--set train.epochs=5")
    fresh.make("run", "ARGS=--set train.epochs=2 --set register.max_regression=1")
    assert fresh.champion() == 2
    assert "version 1 again" in fresh.make("rollback").stdout
    assert fresh.champion() == 1

    fresh.kill_in_training()
    page = fresh.make("report")
    assert fresh.latest()["run_id"] in page.stdout
    assert fresh.latest()["status"] == fresh.states()["train"] == "killed"
    assert fresh.states()["validate"] == "completed"
    assert "killed" in (fresh.path / "report.html").read_text()
    assert fresh.champion() == 1

    fresh.edit("configs/base.yaml", "min_accuracy: 0.85", "min_accuracy: 0.999")
    refused = fresh.make("run", "ARGS=--set train.epochs=1")
    assert "register refused: accuracy" in refused.stdout
    assert fresh.states()["register"] == "refused"
    assert fresh.states()["deploy"] == "not run"
    assert fresh.champion() == 1


def type_in(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    """`make` with a line of the README, without a network where the machine allows that."""
    return subprocess.run(
        [*(NO_NETWORK if isolates() else ()), "make", *shlex.split(line)],
        cwd=project.path,
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.full
def test_other_options_and_names_are_clean_and_say_what_is_missing(green, tmp_path):
    project = generate(tmp_path, *MAXIMAL, orchestrator="kubeflow")
    project.borrow_environment(green.path / ".venv")
    missing = project.make("run", check=False)
    assert missing.returncode != 0
    assert "make sample-data" in missing.stdout
    project.make("lint")


def test_the_job_of_several_machines_is_one_that_kubeflow_trainer_takes(fresh):
    """Against Trainer's own models, which drop what they do not know."""
    fresh.edit("configs/cluster.yaml", "  threads: 4\n", "  threads: 4\n  nodes: 2\n")
    fresh.edit("configs/cluster.yaml", "s3://example-bucket/my-project", "/mnt/store")
    for key, empty, value in (
        ("volume_claim", "null", "team-store"),
        ("node_selector", "{}", "{pool: gpu}"),
        ("secrets", "{}", "{mlflow: {token: TOKEN}}"),
        ("pull_secrets", "[]", "[registry]"),
        ("queue", "null", "gpus"),
        ("service_account", "null", "trainer"),
    ):
        fresh.edit("deploy/cluster.yaml", f"\n{key}: {empty}", f"\n{key}: {value}")
    assert "no problems found" in fresh.make("validate").stdout
    fresh.make("manifests")
    made = fresh.path / "build" / "manifests"
    assert {path.name for path in made.iterdir()} == {
        *("rbac.yaml", "serving.yaml", "store.yaml", "trainjob.yaml")
    }
    printed = yaml.safe_load((made / "trainjob.yaml").read_text())
    known = TrainerV1alpha1TrainJob.from_dict(printed)
    assert json.loads(known.to_json()) == printed
    trainer = printed["spec"]["trainer"]
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (2, 1)
    assert trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"] == "1"
