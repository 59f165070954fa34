"""What Metaflow would have a cluster do, as the manifest says that it compiles without one."""

import json
import subprocess

import pytest
from environments import environment
from projects import MINIMAL, bare_environment, generate
from s3 import serving

pytestmark = pytest.mark.slow

BUCKET = "models"
PROFILE = f"""
storage_root: s3://{BUCKET}/project
resources:
  train: {{cpu: 4, memory_mb: 16384, gpu: 1}}
train: {{device: cuda}}
"""


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """The templates of the Argo workflow, by name."""
    folder = tmp_path_factory.mktemp("argo")
    project = generate(folder, *MINIMAL, orchestrator="metaflow")
    (project.path / "configs" / "cluster.yaml").write_text(PROFILE)
    python = environment("metaflow", tmp_path_factory) / "bin" / "python"
    flow = ["pipeline/flow.py", "--datastore", "s3", "--config", "config", "configs/cluster.yaml"]
    with serving(tmp_path_factory.mktemp("s3"), BUCKET) as variables:
        done = subprocess.run(
            [python, *flow, "argo-workflows", "create", "--only-json"],
            cwd=project.path,
            env={
                **bare_environment(),
                **variables,
                "PYTHONPATH": str(project.path / "src"),
                "METAFLOW_S3_ENDPOINT_URL": variables["AWS_ENDPOINT_URL"],
                "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow",
                "METAFLOW_HOME": str(folder / "home"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["apiVersion"], document["kind"]) == (
        "argoproj.io/v1alpha1",
        "WorkflowTemplate",
    )
    return {template["name"]: template for template in document["spec"]["templates"]}


def test_a_known_result_starts_no_pod_that_holds_a_gpu(templates):
    """The answer of the gate, which runs on a CPU, decides whether there is a `train` at all."""
    gpus = {
        name: template["container"]["resources"]["limits"].get("nvidia.com/gpu")
        for name, template in templates.items()
        if "container" in template
    }
    assert [name for name, gpu in gpus.items() if gpu] == ["train"]
    tasks = {task["name"]: task for task in templates["TrainFlow"]["dag"]["tasks"]}
    chosen = "tasks['validate'].outputs.parameters['switch-step']"
    assert tasks["train"]["depends"] == "validate.Succeeded"
    assert chosen in tasks["train"]["when"]
    assert "== 'train'" in tasks["train"]["when"]
    assert "== 'evaluate'" in tasks["evaluate"]["when"]
    assert "when" not in tasks["validate"]
