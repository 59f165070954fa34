"""What Metaflow would have a cluster do, as the manifest says that it compiles without one."""

import json
import re
import subprocess

import pytest
import yaml
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


def workflow(flow, tmp_path_factory, profile=PROFILE):
    """What the Argo workflow of a flow is to do, with its templates by name."""
    folder = tmp_path_factory.mktemp("argo")
    project = generate(folder, *MINIMAL, orchestrator="metaflow")
    (project.path / "configs" / "cluster.yaml").write_text(profile)
    python = environment("metaflow", tmp_path_factory) / "bin" / "python"
    flow = [flow, "--datastore", "s3", "--config", "config", "configs/cluster.yaml"]
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
    templates = {template["name"]: template for template in document["spec"]["templates"]}
    return {**document["spec"], "templates": templates}


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    return workflow("pipeline/flow.py", tmp_path_factory)["templates"]


def gpus(templates):
    """The GPUs of each task, by name."""
    return {
        name: template["container"]["resources"]["limits"].get("nvidia.com/gpu")
        for name, template in templates.items()
        if "container" in template
    }


def test_a_known_result_starts_no_pod_that_holds_a_gpu(templates):
    """The answer of the gate, which runs on a CPU, decides whether there is a `train` at all."""
    assert [name for name, gpu in gpus(templates).items() if gpu] == ["train"]
    tasks = {task["name"]: task for task in templates["TrainFlow"]["dag"]["tasks"]}
    chosen = "tasks['validate'].outputs.parameters['switch-step']"
    assert tasks["train"]["depends"] == "validate.Succeeded"
    assert chosen in tasks["train"]["when"]
    assert "== 'train'" in tasks["train"]["when"]
    assert "== 'evaluate'" in tasks["evaluate"]["when"]
    assert "when" not in tasks["validate"]


def test_each_trial_of_a_sweep_holds_a_gpu_and_no_other_task_does(tmp_path_factory):
    swept = workflow("pipeline/sweep.py", tmp_path_factory)
    assert [name for name, gpu in gpus(swept["templates"]).items() if gpu] == ["train"]
    assert swept["parallelism"] == 1  # as configs/sweep.yaml says
    tasks = {task["name"]: task for task in swept["templates"]["SweepFlow"]["dag"]["tasks"]}
    trials = tasks["validate-foreach-trials"]
    assert trials["withParam"] == "{{tasks.validate.outputs.parameters.num-splits}}"
    assert tasks["choose"]["depends"] == "validate-foreach-trials.Succeeded"


NODES = f"""
storage_root: s3://{BUCKET}/project
train: {{nodes: 3, processes: 4, device: cuda, batch_size: 96}}
evaluate: {{device: cpu}}
resources:
  train: {{cpu: 4, memory_mb: 16384, gpu: 4}}
"""


def test_several_machines_are_one_gang_and_each_holds_its_gpus(tmp_path_factory):
    """A JobSet: all of them start, or none; and no other step holds a GPU."""
    templates = workflow("pipeline/nodes.py", tmp_path_factory, NODES)["templates"]
    assert not any(gpus(templates).values())
    manifest = templates["train-node"]["resource"]["manifest"]
    gang = yaml.safe_load(re.sub("({{=.*?}})", r"'\1'", manifest))  # Argo fills these in first
    assert gang["kind"] == "JobSet"
    control, workers = gang["spec"]["replicatedJobs"]
    # Metaflow's step before says how many there are, when it runs.
    count = "{{=asInt(inputs.parameters.workerCount)}}"
    assert (control["replicas"], workers["replicas"]) == (1, count)
    for job in (control, workers):
        (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"
        assert "MF_MASTER_ADDR" in {variable["name"] for variable in container["env"]}
    tasks = {task["name"]: task for task in templates["NodesFlow"]["dag"]["tasks"]}
    assert "== 'train'" in tasks["train"]["when"]
    assert "== 'evaluate'" in tasks["evaluate"]["when"]
