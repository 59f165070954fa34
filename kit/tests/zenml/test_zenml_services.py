"""ZenML's own services, real ones: server, stacks and dashboard."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import zenml_server
from zenrun import Zen

pytestmark = pytest.mark.slow

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
CLUSTER = """
image: registry.test/team/toy
mlflow_uri: http://mlflow.test:5000
zenml: {server: http://zenml.test, artifact_store: s3://bucket/zenml}
"""


@pytest.mark.full
def test_a_first_start_that_was_killed_is_made_again(tmp_path: Path) -> None:
    zen = Zen(tmp_path)
    with zen.start("-m", "mlpo_kit.cli", "stacks") as starting:
        while not any(zen.root.glob(".zenml/local_stores/*/zenml.db")):
            assert starting.poll() is None
            time.sleep(0.01)
        starting.kill()
    (zen.root / ".zenml" / "config.yaml").write_text("store:\n  type: sq")
    own = zen.root / "stacks" / "own.yaml"
    own.parent.mkdir()
    own.write_text(STACK)
    assert zen.kit("stacks").stdout == "local: added\nown: added\n"
    own.write_text(STACK.replace("namespace: ml", "namespace: research"))
    assert zen.kit("stacks").stdout == "local: unchanged\nown: changed\n"
    own.write_text("components: [1]")
    done = zen.kit("stacks")
    assert done.returncode == 1
    assert "own.yaml is not a stack" in done.stderr


# As `submit` does, with a store whose keys nobody asks for; then what is left on disk.
ON_A_SERVER = """
import os
from datetime import datetime
from pathlib import Path
from mlpo_kit import PipelineError
from mlpo_kit.config.settings import load_settings
from mlpo_kit.zenml import prune, server
settings = load_settings("cluster")
try:
    server.check_server(os.environ[server.URL], "ZENKEY_of_nobody")
except PipelineError as error:
    print(error)
with server.connect(settings) as client:
    from mlpo_kit.zenml.cluster import describe_stack, read_zenml_cluster
    from mlpo_kit.zenml.stacks import activate_stack
    store = {"flavor": "s3", "configuration": {"path": "s3://bucket/zenml"}}
    described = read_zenml_cluster(settings)
    for context in ("one", "one", "two"):
        print(activate_stack("mine", describe_stack(described, context, store)))
    print(client.active_stack_model.name, client.active_user.name)
    home = Path(os.environ["ZENML_CONFIG_PATH"])
    key = os.environ["ZENML_STORE_API_KEY"]
    print(any(key in path.read_text() for path in home.rglob("*") if path.is_file()))
print(home.exists())
"""
# On a server that others use as well: an artifact of theirs, which no run uses, stays.
SHARED = """
import os, sys
from mlpo_kit.config.settings import load_settings
from mlpo_kit.zenml import prune, server
settings = load_settings("cluster")
with server.connect(settings) as client:
    from zenml import save_artifact
    save_artifact("of others", name="theirs")
    print(client.list_artifact_versions().total)
os.environ.update(ZENML_STORE_URL=sys.argv[1], ZENML_STORE_API_KEY=sys.argv[2])
prune.delete_runs(settings, ["a run that is not there"])
os.environ.update(ZENML_STORE_URL=sys.argv[1], ZENML_STORE_API_KEY=sys.argv[2])
with server.connect(settings) as client:
    print(client.list_artifact_versions().total)
"""


def test_the_stack_of_a_cluster_is_registered_with_a_real_server(tmp_path: Path) -> None:
    zen = Zen(tmp_path)
    description = zen.root / "deploy" / "cluster.yaml"
    description.write_text(CLUSTER)
    folder = tmp_path / "server"
    folder.mkdir()
    with zenml_server.serving(Path(sys.prefix), folder) as variables:
        done = zen.python("-c", ON_A_SERVER, **variables)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert "does not take the key in ZENML_STORE_API_KEY" in lines.pop(0)
        assert lines == ["added", "unchanged", "changed", "mine tests", "False", "False"]

        done = zen.python("-c", SHARED, *variables.values(), **variables)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[-2:] == ["1", "1"]

        description.write_text(CLUSTER.replace("registry.test", "registry.example.com"))
        for verb in (["submit"], ["run", "--profile", "cluster"]):
            done = zen.kit(*verb, **variables)
            assert done.returncode == 1
            assert "error: these are examples, name your own:" in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.full
def test_the_dashboard_shows_this_projects_runs_and_asks_nothing(tmp_path: Path) -> None:
    zen = Zen(tmp_path)
    zen.run()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with zen.start("-m", "mlpo_kit.cli", "dashboard", "--port", str(port)) as serving:
        try:
            while not get(port, "/health"):
                assert serving.poll() is None
                time.sleep(0.5)
            runs = json.loads(get(port, "/api/v1/runs?size=100"))
            assert zen.latest()["run_id"] in {run["name"] for run in runs["items"]}
            user = json.loads(get(port, "/api/v1/current-user"))["metadata"]
            assert user["user_metadata"] == {"finished_onboarding_survey": True}
            info = json.loads(get(port, "/api/v1/info"))
            assert (info["auth_scheme"], info["analytics_enabled"]) == ("NO_AUTH", False)
        finally:
            children = Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text()
            for process in (*map(int, children.split()), serving.pid):
                os.kill(process, signal.SIGTERM)


def get(port: int, path: str) -> bytes:
    """Read a local server's answer; None while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
            return bytes(response.read())
    except OSError:
        return b""
