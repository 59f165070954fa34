"""ZenML projects, used as their README says. What the kit does is tested in kit/tests/zenml."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from environments import environment
from projects import MAXIMAL, MINIMAL, Project, bare_environment, compare_defaults, generate

from mlpo_cli.scaffold.place import list_files

# Python runs this first, in each process: it notes who is called beyond this machine.
NOTE_CONNECTIONS = """
import os, sys

def note(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in ("127.0.0.1", "::1", "localhost", None):
        with open(os.environ["CALLED"], "a") as file:
            file.write(f"{event} {host}\\n")
        raise OSError("there is no network")

sys.addaudithook(note)
"""


@pytest.fixture(scope="module")
def green(tmp_path_factory) -> Project:
    """A project on a path with a space, run once without a network or a user."""
    project = generate(tmp_path_factory.mktemp("a folder"), *MINIMAL, orchestrator="zenml")
    project.borrow_environment(environment("zenml", tmp_path_factory))
    hook, home = tmp_path_factory.mktemp("hook"), tmp_path_factory.mktemp("home")
    (hook / "sitecustomize.py").write_text(NOTE_CONNECTIONS)
    done = project.make(
        "run", f"PYTHONPATH={hook}:{project.path / 'src'}",
        HOME=str(home), CALLED=str(hook / "called"),
        ZENML_CONFIG_PATH=str(home / "zenml"), ZENML_ACTIVE_STACK_ID="0" * 32,
    )  # fmt: skip
    assert not (hook / "called").exists(), (hook / "called").read_text()
    assert list_files(home) == ()
    assert done.stderr == ""
    return project


@pytest.mark.slow
def test_the_defaults_reach_the_accuracy_that_we_promise(green, tmp_path_factory):
    latest = green.latest()
    compare_defaults(latest, tmp_path_factory)
    assert latest["status"] == "completed"
    assert latest["orchestrator"] == "zenml"
    assert latest["metrics"]["accuracy"] >= 0.97
    assert latest["model"]["version"] == 1
    assert latest["model"]["alias"] == "champion"
    assert "version 1 at http://127.0.0.1:" in green.make("predict").stdout
    assert latest["run_id"] in green.make("report").stdout


@pytest.mark.slow
def test_the_commands_of_the_readme_do_what_it_says(green, tmp_path):
    before = green.latest()
    pinned = green.make("run", f"ARGS=--set ingest.version={'f' * 64}", check=False)
    assert pinned.returncode != 0
    assert "error: ingest.version asks for the data ffffffffffff" in pinned.stderr
    assert green.make("stacks").stdout == "local: unchanged\n"
    if shutil.which("nvidia-smi") is None:
        needs_gpu = green.make("run", "PROFILE=gpu", check=False)
        assert "error: the settings ask for device 'cuda'" in needs_gpu.stderr

    assert "analytics_opt_in: false" in (green.path / ".zenml" / "config.yaml").read_text()
    listed = subprocess.run(
        [green.path / ".venv" / "bin" / "zenml", "pipeline", "runs", "list", "--output", "json"],
        cwd=green.path,
        env={**bare_environment(), "HOME": str(tmp_path), "ZENML_CONFIG_PATH": ".zenml"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert before["run_id"] in listed.stdout


def in_project(
    project: Project, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Python as in the project's activated environment."""
    return subprocess.run(
        [project.path / ".venv" / "bin" / "python", *arguments],
        cwd=project.path, env={**bare_environment(), **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.full
@pytest.mark.slow
def test_the_pipeline_file_is_a_program_that_starts_a_run(green):
    weak = ("--set", "train.epochs=1", "--set", "train.learning_rate=0.0001")
    variables = {"PYTHONPATH": str(green.path / "src")}
    refused = in_project(green, "pipeline/training.py", *weak, **variables)
    assert refused.returncode == 0, refused.stderr
    assert "below register.min_accuracy" in refused.stdout


@pytest.mark.full
@pytest.mark.slow
def test_the_project_is_clean_and_passes_its_own_tests(green):
    green.make("lint")
    green.make("test")


@pytest.mark.full
@pytest.mark.slow
def test_an_odd_name_and_pictures_are_clean_too(green, tmp_path):
    project = generate(tmp_path, *MAXIMAL, orchestrator="zenml")
    project.borrow_environment(green.path / ".venv")
    project.make("lint")
    missing = project.make("run", check=False)
    assert missing.returncode != 0
    assert "make sample-data" in missing.stdout
    assert "Traceback" not in missing.stdout + missing.stderr


@pytest.mark.full
@pytest.mark.slow
def test_a_rollback_brings_the_champion_before_back(green):
    green.make("run", "ARGS=--set train.epochs=5")
    assert green.champion() == 2
    assert "the champion is version 1 again" in green.make("rollback").stdout
    assert green.champion() == 1
