"""The image, built by a real engine, and whole pipelines in containers that share no disk.

What they share is what a team's cluster has: an S3 store, an MLflow server, a registry of images.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import argo
import engine as engines
import kube
import pytest
import s3
import services
import zenml_server
from environments import borrow, environment
from projects import MINIMAL, Project, bare_environment, generate
from set_up import replace_kit, set_up

from mlpo_kit.setup import vendored

pytestmark = [pytest.mark.slow, pytest.mark.full]

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
        store = s3.serve_bucket(tmp_path_factory.mktemp("s3"), BUCKET, host)
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
from mlpo_kit.config.settings import load_settings
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.summary import refresh_latest
from mlpo_kit.store import open_store
print(json.dumps(refresh_latest(open_store(load_settings("cluster")), load_pipeline())))
"""
PROFILE = """
compute: kubernetes
storage_root: s3://{bucket}/{orchestrator}
train: {{epochs: 3, device: cpu}}
register: {{model_name: {orchestrator}, min_accuracy: 0.5}}
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
        "  datastore": f"s3://{BUCKET}/metaflow-data",  # Metaflow's own
        "  artifact_store": f"s3://{BUCKET}/zenml-artifacts",  # ZenML's own
        "  server": "http://zenml.test",
        "variables": json.dumps(
            {name: value for name, value in cluster.variables.items() if name.startswith("AWS_")}
        ),
    }
    text = described.read_text()
    for key, value in filled.items():
        text, count = re.subn(rf"^{key}: .*$", f"{key}: {value}", text, flags=re.MULTILINE)
        assert count == 1 or key.startswith(" "), key
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
def kubeflow(cluster, tmp_path_factory):
    return build("kubeflow", cluster, tmp_path_factory)


def layers(engine: engines.Engine, image: str) -> list[str]:
    found: list[str] = engine.inspect(image)["RootFS"]["Layers"]
    return found


def test_the_image_is_named_by_its_content_and_only_what_changed_is_built(kubeflow):
    engine, project = kubeflow.cluster.engine, kubeflow.project
    assert re.fullmatch(rf"{engine.registry}/team/my_project:[0-9a-f]{{16}}-cpu", kubeflow.image)
    pinned = (project.path / "deploy" / "base-image").read_text()
    assert re.fullmatch(rf"{engine.base}@sha256:[0-9a-f]{{64}}\n", pinned)
    assert kubeflow.make("image").stdout == f"{kubeflow.image}\n"  # nothing to do
    with (project.path / "src" / "my_project" / "model.py").open("a") as file:
        file.write("\n# another thought\n")
    edited = kubeflow.make("image").stdout.splitlines()[-1]
    assert edited != kubeflow.image
    assert moved_bytes(engine, layers(engine, kubeflow.image), edited) < 200_000
    project.edit("src/my_project/model.py", "\n# another thought\n", "")


def test_another_library_leaves_the_layer_of_the_packages_as_it_is(kubeflow, tmp_path):
    """Its wheel first, then its sources in the place of it."""
    engine = kubeflow.cluster.engine
    copied = shutil.copytree(kubeflow.project.path, tmp_path / "copied", symlinks=True)
    changed = replace(kubeflow, project=Project(copied))
    before = layers(engine, kubeflow.image)
    kept = {
        path: path.read_bytes() for path in (vendored.find_wheel(copied), copied / vendored.LOCK)
    }
    wheel = replace_kit(copied, {"src/mlpo_kit/errors.py": b"WORD = 'changed'\n"})
    for word, place in (("changed", "site-packages"), ("mine", "/app/vendor/mlpo-kit/src")):
        if word == "mine":
            assert set_up(copied, "eject").returncode == 0
            edited = copied / vendored.SOURCES / "src" / "mlpo_kit" / "errors.py"
            edited.write_text("WORD = 'mine'\n")
        (copied / ".venv" / "ready").touch()  # it is lent: nothing is to be installed
        image = changed.make("image").stdout.splitlines()[-1]
        assert moved_bytes(engine, before, image) < 4_000_000
        ask = "import mlpo_kit.errors as it; print(it.WORD, it.__file__)"
        said = engine.run("run", "--rm", "--read-only", image, "python", "-c", ask).stdout
        assert said.startswith(f"{word} ")
        assert place in said
    assert set_up(copied, "restore", "--discard").returncode == 0
    wheel.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
    (copied / ".venv" / "ready").touch()
    assert changed.make("image").stdout == f"{kubeflow.image}\n"


def moved_bytes(engine: engines.Engine, before: list[str], image: str) -> int:
    """What a push or a pull of an image has to move, where the layers of another are there."""
    after = layers(engine, image)
    same = sum(one == other for one, other in zip(before, after, strict=True))
    # The newest first. What has no layer has no size either, and a layer may be empty.
    shown = engine.run("history", "--human=false", "--format", "{{.Size}}", image).stdout
    sizes = [int(size) for size in shown.split() if size != "0"]
    return sum(sizes[: len(after) - same])


def test_the_image_runs_as_nobody_and_holds_no_secret_and_no_setting(kubeflow):
    engine = kubeflow.cluster.engine
    config = engine.inspect(kubeflow.image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    look = (
        "id -u; ls -a /app; ls -a /etc/xdg 2>&1;"
        "grep -rls find-links /etc /app --include=pip.conf;"
        "touch /app/x 2>&1; python -c 'import torch; print(torch.__version__)'"
    )
    said = engine.run("run", "--rm", "--read-only", kubeflow.image, "sh", "-c", look).stdout
    assert said.startswith("10001\n")
    assert "configs" not in said
    assert "find-links" not in said
    assert "Read-only" in said or "denied" in said
    everything = engine.run("history", "--no-trunc", kubeflow.image).stdout + json.dumps(config)
    for name in kubeflow.cluster.variables:
        assert name not in everything
    assert kubeflow.cluster.pip.read_text().split()[-1] not in everything


def check_that_it_was_a_whole_run(built: Built, orchestrator: str) -> None:
    """Green, registered and deployed in what all share; and nothing of it is on this machine."""
    latest = built.latest()
    assert (latest["status"], latest["orchestrator"]) == ("completed", orchestrator)
    assert {stage["status"] for stage in latest["stages"]} == {"completed"}
    assert latest["model"]["alias"] == "champion"
    assert latest["metrics"]["accuracy"] > 0.5
    for name in ("runs", "registry", "cache"):
        assert not (built.project.path / name).exists()


KUBEFLOW = """
import sys
from kfp import local
from mlpo_kit.config.settings import check_settings, read_profile
from mlpo_kit.kubeflow.description import read_kubeflow_cluster
from mlpo_kit.kubeflow.pipeline_file import load_pipeline_file
from mlpo_kit.kubeflow.tracing import trace_pipeline
document = read_profile("cluster")
cluster = read_kubeflow_cluster(check_settings(document))
local.init(local.DockerRunner(healthcheck={"test": ["NONE"]}), pipeline_root=sys.argv[1])
trace_pipeline(load_pipeline_file(), document, cluster)()
"""


@pytest.fixture(scope="module")
def artifacts(kubeflow, tmp_path_factory):
    """The folder where KFP keeps what a run in its own runner for containers hands over.

    The pipeline is the one that is compiled for a cluster, where the folder is KFP's bucket.
    """
    docker = tmp_path_factory.mktemp("docker")  # the client that KFP needs for it, and no project
    uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--target", str(docker)]
    subprocess.run([*uv, "docker"], check=True)
    root = tmp_path_factory.mktemp("artifacts")
    root.chmod(0o777)  # the tasks are somebody else
    paths = [kubeflow.environment["PYTHONPATH"], str(docker)]
    said = kubeflow.python(KUBEFLOW, str(root), PYTHONPATH=os.pathsep.join(paths))
    assert "SUCCESS" in said
    return root


def test_kubeflows_tasks_are_containers_that_share_no_disk(kubeflow, artifacts):
    check_that_it_was_a_whole_run(kubeflow, "kubeflow")
    (report,) = artifacts.glob("*/deploy/run_report")
    assert report.read_text().startswith("<!doctype html>")


@pytest.fixture(scope="module")
def metaflow(cluster, tmp_path_factory):
    return build("metaflow", cluster, tmp_path_factory)


@pytest.fixture(scope="module")
def workflow(metaflow, tmp_path_factory):
    """The run of the WorkflowTemplate that Metaflow compiles for Argo."""
    workflow = ["-m", "mlpo_kit.cli", "workflow", "--profile", "cluster", "--only-json"]
    workflow += ["--skip", "kubernetes", "--skip", "image"]  # there is neither
    python = metaflow.project.path / ".venv" / "bin" / "python"
    done = subprocess.run(
        [python, *workflow],
        cwd=metaflow.project.path,
        env={**bare_environment(), **metaflow.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path_factory.mktemp("out")
    run = argo.Workflow(json.loads(done.stdout), metaflow.cluster.engine, folder, "trial-1")
    run.run()
    return run


def test_metaflows_steps_are_containers_that_share_no_disk(metaflow, workflow):
    """What Argo Workflows would start, command for command."""
    assert list(workflow.outputs) == [
        *("ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy")
    ]
    check_that_it_was_a_whole_run(metaflow, "metaflow")


@pytest.fixture(scope="module")
def zenml(cluster, tmp_path_factory):
    """A project, a real ZenML server, and a namespace of Kubernetes whose pods are containers."""
    built, engine = build("zenml", cluster, tmp_path_factory), cluster.engine
    folder = tmp_path_factory.mktemp("zenml")
    namespace, kubeconfig = kube.Kube("default"), folder / "kubeconfig"
    with ExitStack() as stack:
        lent = built.project.path / ".venv"
        server = stack.enter_context(zenml_server.serving(lent, folder, engine.gateway))
        stack.enter_context(kube.serving(namespace, engine.gateway))
        kube.configure(kubeconfig, namespace.url)
        namespace.run = kube.in_containers(engine, kubeconfig)
        built.environment |= {**server, "KUBECONFIG": str(kubeconfig)}
        built.project.edit("deploy/cluster.yaml", "http://zenml.test", server["ZENML_STORE_URL"])
        yield built, namespace


def test_zenmls_steps_are_pods_that_share_no_disk(zenml):
    """`make submit`: ZenML's orchestrator for Kubernetes, each pod a container as its pod says."""
    built, namespace = zenml
    said = built.make("submit", "ARGS=--skip image").stdout  # the registry here holds none
    assert ": added\n" in said
    check_that_it_was_a_whole_run(built, "zenml")
    # The steps, a look for an earlier training before any GPU is asked for, and what starts them.
    assert len(namespace.jobs) == 9, list(namespace.jobs)
    engines.wait_for(lambda: not namespace.secrets, "the end of the run's token")


RUNS = """
import json, os
from mlpo_kit.config.settings import load_settings
from mlpo_kit.zenml.server import connect
with connect(load_settings("cluster")) as client:
    print(json.dumps([run.status.value for run in client.list_pipeline_runs()]))
"""


def test_a_run_whose_image_cannot_be_pulled_fails_and_leaves_nothing(zenml):
    built, namespace = zenml
    before = set(namespace.jobs)
    namespace.waiting = "ImagePullBackOff"
    done = built.make("submit", "ARGS=--skip image --no-cache", check=False)
    namespace.waiting = None
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "has failed" in line
    assert "ImagePullBackOff" in line
    assert "Traceback" not in done.stderr
    assert namespace.secrets == {}
    assert set(namespace.jobs) == before
    states = built.python(RUNS).splitlines()[-1]
    assert sorted(json.loads(states)) == ["completed", "failed"]


OFFLINE = """
import json, sys
import numpy as np
from mlpo_kit.config.settings import load_settings
from mlpo_kit.models.client import Client
from mlpo_kit.runs.records import find_newest_run, read_records
from mlpo_kit.store import open_store
from mlpo_kit.store.arrays import map_arrays
from mlpo_kit.training.splits import open_splits
store = open_store(load_settings("cluster"))
records = read_records(store, find_newest_run(store))
made = records["preprocess"].outputs
splits, _ = open_splits(store.open(made["dataset"]), store.open(made["splits"]))
rows = splits["test"].read_samples(slice(64))
offline = map_arrays(store.open(records["evaluate"].outputs["predictions"]))["probabilities"]
served = np.asarray(Client(sys.argv[1]).predict(rows)["probabilities"])
print(json.dumps(float(np.abs(served - offline[: len(rows)]).max())))
"""


def test_the_champion_answers_from_its_container_as_it_did_offline(kubeflow, artifacts):
    """As the Deployment has it: as nobody, over a root that can't be written to."""
    engine, configs = kubeflow.cluster.engine, kubeflow.project.path / "configs"
    variables = [
        part
        for name, value in kubeflow.cluster.variables.items()
        for part in ("--env", f"{name}={value}")
    ]
    run = ["run", "--detach", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
    run += ["--volume", f"{configs}:/app/configs:ro", "--publish", "127.0.0.1::8000"]
    run += ["--health-interval", "1s", *variables]
    container = engine.run(*run, kubeflow.image).stdout.strip()

    def health() -> str:
        shown = engine.run("container", "inspect", "-f", "{{json .State}}", container).stdout
        state = json.loads(shown)
        assert state["Running"], engine.run("logs", container).stderr
        return str(state["Health"]["Status"])

    try:
        engines.wait_for(lambda: health() == "healthy", "the model server")
        address = engine.run("port", container, "8000").stdout.splitlines()[0]
        with urllib.request.urlopen(f"http://{address}/health") as answer:
            served = json.load(answer)
        assert served["digest"] == kubeflow.latest()["model"]["digest"]
        said = kubeflow.python(OFFLINE, f"http://{address}")
        assert json.loads(said.splitlines()[-1]) < 1e-3
        began = time.monotonic()
        engine.run("stop", container)
        assert time.monotonic() - began < 8  # it was not killed
    finally:
        engine.run("rm", "--force", container)


def test_an_image_is_pushed_under_its_name(kubeflow):
    engine = kubeflow.cluster.engine
    image = f"{kubeflow.image.removesuffix('cpu')}cuda"
    engine.run("tag", engine.base, image)  # it is small, and the push is the same
    assert kubeflow.make("push", "DEVICE=cuda").stdout.splitlines()[-1] == image
    url = f"http://{engine.registry}/v2/team/my_project/tags/list"
    with urllib.request.urlopen(url) as answer:
        assert json.load(answer)["tags"] == [image.rpartition(":")[2]]
    engine.run("rmi", image)


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (("push", "DEVICE=cuda"), {}, "there is no image .*-cuda here: `make image` builds it"),
        (("image",), {"DOCKER_HOST": "unix:///nowhere"}, "the container engine .* does not answer"),
        (("image",), {"CONTAINER_ENGINE": "none-such"}, "there is no none-such here: install"),
        (("image", "BASE=localhost:9/python:3"), {}, "the base image .* can't be pulled"),
    ],
)
def test_what_stands_in_the_way_of_an_image_is_one_sentence(kubeflow, arguments, variables, words):
    done = kubeflow.project.make(*arguments, check=False, **{**kubeflow.environment, **variables})
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert re.search(words, line)
    assert "Traceback" not in done.stderr
    pinned = (kubeflow.project.path / "deploy" / "base-image").read_text()
    assert pinned.startswith(kubeflow.cluster.engine.base)  # as it was
