"""The image, built by a real engine, and whole pipelines in containers that share no disk.

What they share is what a team's cluster has: an S3 store, an MLflow server, a registry of images.
"""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import engine as engines
import pytest
import s3
import services
from environments import borrow, environment
from projects import MINIMAL, Project, bare_environment, generate

pytestmark = pytest.mark.slow

BUCKET = "team"


@dataclass
class Cluster:
    """What a team has, and the projects that use it."""

    engine: engines.Engine
    variables: dict[str, str]  # that lead to the store and the registry, from here and from there
    pip: Path  # how pip is configured in a build


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("engine")
        engine = stack.enter_context(engines.serving(folder))
        host = engine.gateway
        store = s3.serving(tmp_path_factory.mktemp("s3"), BUCKET, host)
        variables = stack.enter_context(store)
        mlflow = services.mlflow(tmp_path_factory.mktemp("mlflow"), host)
        variables["MLFLOW_TRACKING_URI"] = stack.enter_context(mlflow)
        pip = folder / "pip.conf"
        pip.write_text(stack.enter_context(services.wheels(host)))
        yield Cluster(engine, variables, pip)


@dataclass
class Built:
    """A project whose image is built, and the cluster where its profile runs it."""

    project: Project
    cluster: Cluster
    environment: dict[str, str]  # of its `make`
    image: str = field(default="")

    def make(self, *arguments: str, check: bool = True):
        return self.project.make(*arguments, check=check, **self.environment)

    def python(self, code: str, *arguments: str, **variables: str):
        """Run a piece of code where the project's own would run."""
        done = subprocess.run(
            [self.project.path / ".venv" / "bin" / "python", "-c", code, *arguments],
            cwd=self.project.path,
            env={**bare_environment(), **self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def latest(self):
        """The newest run's summary, from the store that all share."""
        return json.loads(self.python(LATEST).splitlines()[-1])


LATEST = """
import json
from my_project import settings
from my_project.kit import records
print(json.dumps(records.refresh_latest(settings.load("cluster").store)))
"""
PROFILE = """
compute: kubernetes
storage_root: s3://{bucket}/{orchestrator}
train: {{epochs: 3, device: cpu}}
register: {{min_accuracy: 0.5}}
"""


def build(orchestrator: str, cluster: Cluster, factory: pytest.TempPathFactory) -> Built:
    """Generate a project, fill its cluster's description in, and build its image."""
    project = generate(factory.mktemp("a folder"), *MINIMAL, orchestrator=orchestrator)
    lent = borrow(project, environment(orchestrator, factory))
    described = project.path / "deploy" / "cluster.yaml"
    filled = {
        "image": f"{cluster.engine.registry}/team/my_project",
        "device": "cpu",
        "mlflow_uri": cluster.variables["MLFLOW_TRACKING_URI"],
        "variables": json.dumps(
            {name: value for name, value in cluster.variables.items() if name.startswith("AWS_")}
        ),
    }
    text = described.read_text()
    for key, value in filled.items():
        text, count = re.subn(rf"^{key}: .*$", f"{key}: {value}", text, flags=re.MULTILINE)
        assert count == 1, key
    described.write_text(text)
    profile = PROFILE.format(bucket=BUCKET, orchestrator=orchestrator)
    (project.path / "configs" / "cluster.yaml").write_text(profile)
    engine = cluster.engine
    variables = {
        **lent,
        **engine.variables,
        **cluster.variables,
        "CONTAINER_ENGINE": engine.command,
        "PIP_CONFIG_FILE": str(cluster.pip),
    }
    built = Built(project, cluster, variables)
    done = built.make("image", f"BASE={engine.base}")
    built.image = done.stdout.splitlines()[-1]
    return built


@pytest.fixture(scope="module")
def metaflow(cluster, tmp_path_factory):
    return build("metaflow", cluster, tmp_path_factory)


def layers(engine: engines.Engine, image: str) -> list[str]:
    found: list[str] = engine.inspect(image)["RootFS"]["Layers"]
    return found


def test_the_image_is_named_by_its_content_and_only_what_changed_is_built(metaflow):
    engine, project = metaflow.cluster.engine, metaflow.project
    assert re.fullmatch(rf"{engine.registry}/team/my_project:[0-9a-f]{{16}}-cpu", metaflow.image)
    pinned = (project.path / "deploy" / "base-image").read_text()
    assert re.fullmatch(rf"{engine.base}@sha256:[0-9a-f]{{64}}\n", pinned)
    assert metaflow.make("image").stdout == f"{metaflow.image}\n"  # nothing to do
    with (project.path / "src" / "my_project" / "model.py").open("a") as file:
        file.write("\n# another thought\n")
    edited = metaflow.make("image").stdout.splitlines()[-1]
    assert edited != metaflow.image
    before, after = layers(engine, metaflow.image), layers(engine, edited)
    same = sum(one == other for one, other in zip(before, after, strict=True))
    sizes = [int(line) for line in history(engine, edited)[: len(after) - same]]
    assert sum(sizes) < 4_000_000  # what a push or a pull has to move
    project.edit("src/my_project/model.py", "\n# another thought\n", "")


def history(engine: engines.Engine, image: str) -> list[str]:
    """The sizes of the layers in bytes, the last one first."""
    shown = engine.run("history", "--human=false", "--format", "{{.Size}}", image).stdout
    return [size for size in shown.split() if size != "0"]


def test_the_image_runs_as_nobody_and_holds_no_secret_and_no_setting(metaflow):
    engine = metaflow.cluster.engine
    config = engine.inspect(metaflow.image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    look = (
        "id -u; ls -a /app; ls /root/.config 2>&1; grep -rls find-links /etc /app --include=pip.conf;"
        "touch /app/x 2>&1; python -c 'import torch; print(torch.__version__)'"
    )
    said = engine.run("run", "--rm", "--read-only", metaflow.image, "sh", "-c", look).stdout
    assert said.startswith("10001\n")
    assert "configs" not in said
    assert "find-links" not in said
    assert "Read-only" in said or "denied" in said
    everything = engine.run("history", "--no-trunc", metaflow.image).stdout + json.dumps(config)
    for name, value in metaflow.cluster.variables.items():
        assert name not in everything
        assert value not in everything
