"""ZenML projects, used as their README says: alone, beside each other, killed and mended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import pytest
import zenml_server
from projects import BUT_SRC, MAXIMAL, MINIMAL, Project, bare_environment, generate

from mlpo_cli.scaffold.place import files_of

WEAK = "ARGS=--epochs 1"  # quick, and not good enough unless the threshold says so

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


# A stack of the user's own, as a file.
STACK = """
components:
  orchestrator:
    name: own
    flavor: kubernetes
    configuration: {kubernetes_context: here, kubernetes_namespace: ml}
  artifact_store: {name: own, flavor: s3, configuration: {path: s3://my-bucket/zenml}}
  container_registry: {name: own, flavor: default, configuration: {uri: registry.test/ml}}
"""


@pytest.fixture(scope="module")
def green(tmp_path_factory) -> Project:
    """A project on a path with a space, set up, and run once without a network or a user."""
    project = generate(tmp_path_factory.mktemp("a folder"), *MINIMAL, orchestrator="zenml")
    project.make("setup")
    hook, home = tmp_path_factory.mktemp("hook"), tmp_path_factory.mktemp("home")
    (hook / "sitecustomize.py").write_text(NOTE_CONNECTIONS)
    done = project.make(
        "run", HOME=str(home), PYTHONPATH=str(hook), CALLED=str(hook / "called"),
        ZENML_CONFIG_PATH=str(home / "zenml"), ZENML_ACTIVE_STACK_ID="0" * 32,
    )  # fmt: skip
    assert not (hook / "called").exists(), (hook / "called").read_text()
    assert files_of(home) == ()
    assert done.stderr == ""
    return project


@pytest.fixture
def fresh(green, tmp_path) -> Project:
    """A project of its own, without runs, that borrows the environment of the green one."""
    project = generate(tmp_path, *MINIMAL, orchestrator="zenml")
    project.borrow_environment(green)
    return project


def zenml_runs(project: Project) -> dict[str, str]:
    """The runs that ZenML knows, and how they ended."""
    code = (
        "from pathlib import Path; from pipeline.environment import prepare;"
        "home = prepare(Path.cwd(), Path.cwd()); from pipeline.home import opened;"
        "from zenml.client import Client\n"
        "with opened(home):\n"
        "    runs = Client().list_pipeline_runs(size=100)\n"
        "import json; print(json.dumps({run.name: run.status.value for run in runs}))"
    )
    python = project.path / ".venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", code], cwd=project.path, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def start(project: Project, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", *arguments],
        cwd=project.path,
        env=bare_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """End make and what it started, without a chance to clean up."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_zenml_is_pinned_exactly(tmp_path):
    project = generate(tmp_path, *MINIMAL, orchestrator="zenml").path
    assert '"zenml[local,server]==' in (project / "pyproject.toml").read_text()


@pytest.mark.slow
def test_the_defaults_reach_the_accuracy_that_we_promise(green):
    latest = green.latest()
    assert latest["status"] == "ok"
    assert latest["orchestrator"] == "zenml"
    assert latest["metrics"]["accuracy"] >= 0.97
    assert latest["model"]["version"] == 1
    assert latest["model"]["alias"] == "champion"
    assert "version 1 at http://127.0.0.1:" in green.make("predict").stdout
    assert latest["run_id"] in green.make("report").stdout


@pytest.mark.slow
def test_the_commands_of_the_readme_do_what_it_says(green, tmp_path):
    before = green.latest()
    other_data = in_project(green, "-m", "pipeline.run", "--dataset_version", "0" * 64)
    assert other_data.returncode == 1
    assert "error: ingest.version asks for the data 000000000000" in other_data.stderr
    slow = in_project(green, "-m", "pipeline.run", "--epochs", "1", "--learning_rate", "0.0001")
    assert "test accuracy" in slow.stderr
    assert "below register.min_accuracy" in slow.stderr
    if shutil.which("nvidia-smi") is None:
        needs_gpu = in_project(green, "-m", "pipeline.run", "--profile", "gpu")
        assert needs_gpu.returncode == 1
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


@pytest.mark.slow
def test_the_project_is_clean_and_passes_its_own_tests(green):
    green.make("lint")
    green.make("test", BUT_SRC)


@pytest.mark.slow
def test_an_odd_name_and_pictures_are_clean_too(green, tmp_path):
    project = generate(tmp_path, *MAXIMAL, orchestrator="zenml")
    project.borrow_environment(green)
    project.make("lint")
    missing = project.make("run", check=False)
    assert missing.returncode != 0
    assert "make sample-data" in missing.stdout
    assert "Traceback" not in missing.stdout + missing.stderr


@pytest.mark.slow
def test_a_rollback_brings_the_champion_before_back(green):
    green.make("run", "ARGS=--epochs 5")
    assert green.champion() == 2
    assert "the champion is version 1 again" in green.make("rollback").stdout
    assert green.champion() == 1


@pytest.mark.slow
def test_two_first_runs_at_once_are_both_green(fresh):
    fresh.edit("configs/base.yaml", "min_accuracy: 0.85", "min_accuracy: 0")
    runs = [start(fresh, "run", WEAK) for _ in range(2)]
    for run in runs:
        said, _ = run.communicate()
        assert run.returncode == 0, said
    assert list(zenml_runs(fresh).values()) == ["completed"] * 2
    ends = [json.loads(path.read_text()) for path in fresh.path.glob("runs/*/deploy.json")]
    assert [end["state"] for end in ends] == ["ok"] * 2


@pytest.mark.slow
def test_a_first_start_that_was_killed_is_made_again(fresh):
    starting = start(fresh, "stacks")
    while not any(fresh.path.glob(".zenml/local_stores/*/zenml.db")):
        assert starting.poll() is None
        time.sleep(0.01)
    kill(starting)
    (fresh.path / ".zenml" / "config.yaml").write_text("store:\n  type: sq")
    own = fresh.path / "stacks" / "own.yaml"
    own.write_text(STACK)
    assert fresh.make("stacks").stdout == "local: added\nown: added\n"
    assert fresh.make("stacks").stdout == "local: unchanged\nown: unchanged\n"
    own.write_text(STACK.replace("namespace: ml", "namespace: research"))
    assert fresh.make("stacks").stdout == "local: unchanged\nown: changed\n"


# As `make submit` does, with a store whose keys nobody asks for; then what is left on disk.
ON_A_SERVER = """
import os, sys
from pathlib import Path
from my_project import settings
from mlpo_kit.errors import PipelineError
from pipeline import server
chosen = settings.load("cluster")
try:
    server.check(os.environ[server.URL], "ZENKEY_of_nobody")
except PipelineError as error:
    print(error)
with server.connected(chosen) as client:
    from pipeline.cluster import read_cluster, stack
    from pipeline.stacks import activate_parts
    store = {"flavor": "s3", "configuration": {"path": "s3://bucket/zenml"}}
    described = read_cluster(chosen)
    for context in ("one", "one", "two"):
        print(activate_parts("mine", stack(described, context, store)))
    print(client.active_stack_model.name, client.active_user.name)
    home = Path(os.environ["ZENML_CONFIG_PATH"])
    key = os.environ["ZENML_STORE_API_KEY"]
    print(any(key in path.read_text() for path in home.rglob("*") if path.is_file()))
print(home.exists())
"""


@pytest.mark.slow
def test_the_stack_of_a_cluster_is_registered_with_a_real_server(green, tmp_path):
    with zenml_server.serving(green.path / ".venv", tmp_path) as variables:
        done = in_project(green, "-c", ON_A_SERVER, **variables)
        assert done.returncode == 0, done.stderr
        said = done.stdout.splitlines()
        assert "does not take the key in ZENML_STORE_API_KEY" in said.pop(0)
        assert said == ["added", "unchanged", "changed", "mine tests", "False", "False"]
        done = in_project(green, "-m", "pipeline.run", "--profile", "cluster", **variables)
        assert done.returncode == 1
        assert "error: these are examples, name your own:" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_dashboard_shows_this_projects_runs_and_asks_nothing(green):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    serving = start(green, "dashboard", f"ARGS=--port {port}")
    try:
        while not answer(port, "/health"):
            assert serving.poll() is None
            time.sleep(0.5)
        runs = json.loads(answer(port, "/api/v1/runs?size=100"))
        assert green.latest()["run_id"] in {run["name"] for run in runs["items"]}
        user = json.loads(answer(port, "/api/v1/current-user"))["metadata"]
        assert user["user_metadata"] == {"finished_onboarding_survey": True}
        info = json.loads(answer(port, "/api/v1/info"))
        assert (info["auth_scheme"], info["analytics_enabled"]) == ("NO_AUTH", False)
    finally:
        kill(serving)


def answer(port: int, path: str) -> bytes:
    """What a server on this machine says, or nothing when it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
            return response.read()
    except OSError:
        return b""


@pytest.mark.slow
def test_a_killed_run_harms_none_beside_it_and_the_next_is_green(fresh):
    fresh.edit("configs/base.yaml", "min_accuracy: 0.85", "min_accuracy: 0")
    # What fails once is tried again, as the profile says.
    fresh.edit(
        "src/my_project/stages/train.py",
        "    device.prepare(group.device, settings.threads)\n",
        '    flag = work.run.settings.local_root / "failed"\n'
        "    if not flag.exists():\n"
        "        flag.touch()\n"
        '        raise RuntimeError("out of luck")\n'
        "    device.prepare(group.device, settings.threads)\n",
    )
    killed = start(fresh, "run", "ARGS=--epochs 1000")
    while not any('"attempt": 2' in p.read_text() for p in fresh.path.glob("runs/*/train.json")):
        assert killed.poll() is None
        time.sleep(0.2)
    (dead,) = (path.name for path in (fresh.path / ".zenml" / "alive").iterdir())
    beside = start(fresh, "run", WEAK)
    while len(list((fresh.path / ".zenml" / "alive").iterdir())) < 2:
        assert beside.poll() is None
        time.sleep(0.2)
    assert zenml_runs(fresh)[dead] == "running"  # it lives: nobody touches it
    kill(killed)
    said, _ = beside.communicate()
    assert beside.returncode == 0, said
    runs = zenml_runs(fresh)
    assert runs.pop(dead) == "failed"
    assert list(runs.values()) == ["completed"]
    assert fresh.latest()["status"] == "ok"
    dead_train = json.loads((fresh.path / "runs" / dead / "train.json").read_text())
    assert dead_train["attempt"] == 2
