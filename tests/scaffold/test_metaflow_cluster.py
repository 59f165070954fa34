"""What a generated project hands to a cluster through Metaflow; none is there.

What Metaflow makes of profiles and descriptions is tested where the code is: kit/tests/metaflow.
"""

import io
import json
import re
import subprocess
import tarfile

import pytest
import yaml
from environments import environment
from projects import MINIMAL, bare_environment, generate
from s3 import serve_bucket

pytestmark = pytest.mark.slow

CLUSTER = {
    "image": "registry.test:5000/team/digits",
    "mlflow_uri": "http://mlflow.test:5000",
    "metaflow": {"datastore": "s3://models/metaflow"},
}


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """A project with the description of a cluster, and a profile for it."""
    project = generate(tmp_path_factory.mktemp("cluster"), *MINIMAL, orchestrator="metaflow")
    (project.path / "deploy" / "cluster.yaml").write_text(yaml.safe_dump(CLUSTER))
    profile = (project.path / "configs" / "cluster.yaml").read_text()
    profile = profile.replace("s3://example-bucket/", "s3://models/")
    (project.path / "configs" / "team.yaml").write_text(profile)
    return project.path


@pytest.fixture(scope="module")
def run(team, tmp_path_factory):
    """Runs a verb of the project's command line; returns what it printed after it went well."""
    python = environment("metaflow", tmp_path_factory) / "bin" / "python"

    def run_verb(*arguments, **variables):
        done = subprocess.run(
            [python, "-m", "mlpo_kit.cli", *arguments],
            cwd=team,
            env={
                **bare_environment(),
                "PYTHONPATH": str(team / "src"),
                "METAFLOW_HOME": str(team.parent / "home"),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_verb


def test_the_profile_of_a_new_project_makes_a_workflow_that_a_cluster_would_take(run, team):
    assert "no problems" in run("validate", "--profile", "team")
    run("manifests", "--profile", "team")
    document = yaml.safe_load((team / "build/manifests/workflow.yaml").read_text())
    pods = {
        one["name"]: one["container"] for one in document["spec"]["templates"] if "container" in one
    }
    held = {name for name, pod in pods.items() if "nvidia.com/gpu" in pod["resources"]["limits"]}
    assert (len(pods), held) == (7, {"train"})


def test_the_code_of_a_workflow_is_the_flow_and_the_image_has_the_rest(run, tmp_path):
    skip = [
        word
        for name in ("files", "store", "registry", "kubernetes", "image")
        for word in ("--skip", name)
    ]
    with serve_bucket(tmp_path, "models") as variables:
        printed = run("workflow", "--profile", "team", *skip, "--only-json", **variables)
    (step,) = (one for one in json.loads(printed)["spec"]["templates"] if one["name"] == "ingest")
    (url,) = (
        one["value"] for one in step["container"]["env"] if one["name"] == "METAFLOW_CODE_URL"
    )
    package = (tmp_path / url.removeprefix("s3://")).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(package)) as unpacked:
        names = set(unpacked.getnames())
    assert "flow.py" in names
    # Metaflow adds the modules of mutators. Without the package around them, the image's is taken.
    assert not [name for name in names if name.endswith("mlpo_kit/__init__.py")]


def test_every_distribution_is_required_once(team):
    required = re.findall(r'^    "([\w.-]+)', (team / "pyproject.toml").read_text(), re.M)
    assert sorted(set(required)) == sorted(required)
