"""What Metaflow would have a cluster do, by its description and a profile; none is there."""

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

IMAGE = "registry.test:5000/team/digits"
ROLE = "arn:aws:iam::123456789012:role/"
CLUSTER = {
    "image": IMAGE,
    "namespace": "team",
    "service_account": "trainer",
    "mlflow_uri": "http://mlflow.test:5000",
    "variables": {"AWS_ENDPOINT_URL": "http://minio.test:9000"},
    "secrets": {"s3": {"AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY"}},
    "pull_secrets": ["registry"],
    "node_selector": {"accelerator": "a100"},
    "tolerations": [{"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoExecute"}],
    "queue": "training",
    "volume_claim": "store",
    "metaflow": {
        "datastore": "s3://models/metaflow",
        "disk_mb": 20480,
        "schedule": "0 3 * * ? *",
        "batch": {
            "job_queue": "cpu",
            "gpu_queue": "gpu",
            "job_role": f"{ROLE}tasks",
            "step_functions_role": f"{ROLE}step-functions",
            "events_role": f"{ROLE}events",
        },
    },
}
PROFILE = """
compute: kubernetes
storage_root: s3://models/project
resources:
  register: {memory_mb: 2048}
  train: {cpu: 4, memory_mb: 16384, gpu: 1}
train: {device: cuda}
evaluate: {device: cpu}
"""
NODES = """
compute: kubernetes
storage_root: /mnt/store
train: {nodes: 3, processes: 4, device: cuda, batch_size: 96}
evaluate: {device: cpu}
resources:
  train: {cpu: 4, memory_mb: 16384, gpu: 4}
"""


class Team:
    """A project with the description of a cluster, and profiles for it."""

    def __init__(self, factory):
        folder = factory.mktemp("cluster")
        self.path = generate(folder, *MINIMAL, orchestrator="metaflow").path
        self.python = environment("metaflow", factory) / "bin" / "python"
        self.describe()
        for name, text in {"team": PROFILE, "nodes": NODES}.items():
            (self.path / "configs" / f"{name}.yaml").write_text(text)
        batch = PROFILE.replace("compute: kubernetes", "compute: batch")
        (self.path / "configs" / "batch.yaml").write_text(batch)

    def describe(self, **changes):
        (self.path / "deploy" / "cluster.yaml").write_text(yaml.safe_dump({**CLUSTER, **changes}))

    def run(self, *command, **variables):
        """Run Python in the project; what it wrote, after it went well or with why it did not."""
        done = subprocess.run(
            [self.python, *command],
            cwd=self.path,
            env={
                **bare_environment(),
                "PYTHONPATH": str(self.path / "src"),
                "METAFLOW_HOME": str(self.path.parent / "home"),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def manifests(self, profile, flow="pipeline/flow.py", *more):
        """`make manifests`, or `make validate`."""
        return self.run("pipeline/manifests.py", "--profile", profile, *more, FLOW=flow)

    def workflow(self, profile, flow="pipeline/flow.py"):
        """The Argo workflow of a flow, with its templates by name."""
        code, _, said = self.manifests(profile, flow)
        assert code == 0, said
        document = yaml.safe_load((self.path / "build/manifests/workflow.yaml").read_text())
        assert document["apiVersion"] == "argoproj.io/v1alpha1"
        assert document["kind"] == "WorkflowTemplate"
        spec = document["spec"]
        named = {template["name"]: template for template in spec["templates"]}
        return {**document, "spec": spec, "templates": named}


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    return Team(tmp_path_factory)


@pytest.fixture(scope="module")
def workflow(team):
    return team.workflow("team")


@pytest.fixture
def described(team):
    """Describes the cluster otherwise, for one test."""
    yield team.describe
    team.describe()


def gpus(templates):
    """The GPUs of each task, by name."""
    return {
        name: template["container"]["resources"]["limits"].get("nvidia.com/gpu")
        for name, template in templates.items()
        if "container" in template
    }


def test_a_known_result_starts_no_pod_that_holds_a_gpu(workflow):
    """The answer of the gate, which runs on a CPU, decides whether there is a `train` at all."""
    templates = workflow["templates"]
    assert [name for name, gpu in gpus(templates).items() if gpu] == ["train"]
    tasks = {task["name"]: task for task in templates["TrainFlow"]["dag"]["tasks"]}
    chosen = "tasks['validate'].outputs.parameters['switch-step']"
    assert tasks["train"]["depends"] == "validate.Succeeded"
    assert chosen in tasks["train"]["when"]
    assert "== 'train'" in tasks["train"]["when"]
    assert "== 'evaluate'" in tasks["evaluate"]["when"]
    assert "when" not in tasks["validate"]


def test_each_pod_is_as_the_cluster_is_described(team, workflow):
    assert workflow["metadata"]["namespace"] == "team"
    cron = json.loads(workflow["metadata"]["annotations"]["metaflow/cron"])
    assert cron["schedule"] == "0 3 * * ?"
    code, tag, said = team.run("-m", "my_project.kit.image", "name")
    assert code == 0, said
    steps = {name: one for name, one in workflow["templates"].items() if "container" in one}
    assert len(steps) == 7
    for name, step in steps.items():
        container = step["container"]
        assert container["image"] == tag.strip()
        assert container["image"].startswith(f"{IMAGE}:")
        env = {one["name"]: one.get("value") for one in container["env"]}
        assert env["MLFLOW_TRACKING_URI"] == "http://mlflow.test:5000"
        assert env["AWS_ENDPOINT_URL"] == "http://minio.test:9000"
        assert env["METAFLOW_SKIP_INSTALL_DEPENDENCIES"] == "1"
        assert env["METAFLOW_DATASTORE_SYSROOT_S3"] == "s3://models/metaflow"
        assert env["OMP_NUM_THREADS"] == ("4" if name == "train" else "1")
        assert len(env) == len(container["env"]), "no variable twice"
        assert "METAFLOW_S3_ENDPOINT_URL" not in env
        assert container["envFrom"] == [{"secretRef": {"name": "s3"}}]
        assert step["serviceAccountName"] == "trainer"
        assert json.loads(step["podSpecPatch"]) == {"imagePullSecrets": [{"name": "registry"}]}
        assert step["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "training"}
        security = container["securityContext"]
        assert security["runAsNonRoot"]
        assert security["runAsUser"] == 10001
        assert not security["allowPrivilegeEscalation"]
        amounts = container["resources"]
        assert amounts["requests"] == amounts["limits"]
        assert amounts["limits"]["ephemeral-storage"] == "20480M"
    memory = {
        name: one["container"]["resources"]["limits"]["memory"] for name, one in steps.items()
    }
    assert (memory["register"], memory["train"], memory["ingest"]) == ("2048M", "16384M", "4096M")

    shm = {"medium": "Memory", "sizeLimit": "8192Mi"}
    train = steps.pop("train")
    assert {"name": "dhsm", "emptyDir": shm} in train["volumes"]
    assert {"name": "dhsm", "mountPath": "/dev/shm"} in train["container"]["volumeMounts"]
    assert train["tolerations"] == CLUSTER["tolerations"]
    assert train["nodeSelector"] == {"accelerator": "a100"}
    for step in steps.values():
        assert "tolerations" not in step
        assert not step.get("nodeSelector")


def test_kubernetes_would_take_every_pod_and_aws_every_job(team):
    """`make validate`, with Kubernetes' own schemas and those of AWS."""
    code, out, said = team.manifests("team", "pipeline/flow.py", "--check")
    assert code == 0, said
    assert "no problems" in out
    code, _, said = team.manifests("batch", "pipeline/flow.py", "--check")
    assert code == 0, said


def test_the_nightly_prune_knows_the_datastore(team, workflow):
    documents = (team.path / "build" / "manifests" / "prune.yaml").read_text()
    (job,) = (one for one in yaml.safe_load_all(documents) if one["kind"] == "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"][1] == "/app/pipeline/prune.py"
    env = {one["name"]: one.get("value") for one in container["env"]}
    assert env["METAFLOW_DEFAULT_DATASTORE"] == "s3"
    assert env["METAFLOW_DATASTORE_SYSROOT_S3"] == "s3://models/metaflow"


def test_each_trial_of_a_sweep_holds_a_gpu_and_no_other_task_does(team):
    swept = team.workflow("team", "pipeline/sweep.py")
    assert [name for name, gpu in gpus(swept["templates"]).items() if gpu] == ["train"]
    assert swept["spec"]["parallelism"] == 1  # as configs/sweep.yaml says
    tasks = {task["name"]: task for task in swept["templates"]["SweepFlow"]["dag"]["tasks"]}
    trials = tasks["validate-foreach-trials"]
    assert trials["withParam"] == "{{tasks.validate.outputs.parameters.num-splits}}"
    assert tasks["choose"]["depends"] == "validate-foreach-trials.Succeeded"


def test_several_machines_are_one_gang_and_each_holds_its_gpus(team):
    """A JobSet: all of them start, or none; no other step holds a GPU. The store is a volume."""
    templates = team.workflow("nodes", "pipeline/nodes.py")["templates"]
    assert not any(gpus(templates).values())
    manifest = templates["train-node"]["resource"]["manifest"]
    gang = yaml.safe_load(re.sub("({{=.*?}})", r"'\1'", manifest))  # Argo fills these in first
    assert gang["kind"] == "JobSet"
    assert gang["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "training"
    control, workers = gang["spec"]["replicatedJobs"]
    # Metaflow's step before says how many there are, when it runs.
    count = "{{=asInt(inputs.parameters.workerCount)}}"
    assert (control["replicas"], workers["replicas"]) == (1, count)
    for job in (control, workers):
        pod = job["template"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"].startswith(f"{IMAGE}:")
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"
        assert "MF_MASTER_ADDR" in {variable["name"] for variable in container["env"]}
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        assert {"name": "store", "mountPath": "/mnt/store"} in [
            {key: mount[key] for key in ("name", "mountPath")}
            for mount in container["volumeMounts"]
        ]
        assert {"name": "store", "persistentVolumeClaim": {"claimName": "store"}} in [
            {key: value for key, value in volume.items() if value} for volume in pod["volumes"]
        ]
    tasks = {task["name"]: task for task in templates["NodesFlow"]["dag"]["tasks"]}
    assert "== 'train'" in tasks["train"]["when"]
    assert "== 'evaluate'" in tasks["evaluate"]["when"]


def test_step_functions_have_the_jobs_one_after_another_and_one_on_the_queue_with_gpus(team):
    code, _, said = team.manifests("batch")
    assert code == 0, said
    made = json.loads((team.path / "build" / "manifests" / "step-functions.json").read_text())
    machine = made["workflow"]
    states, name, order = machine["States"], machine["StartAt"], []
    while name:
        order.append(name)
        assert states[name]["Resource"] == "arn:aws:states:::batch:submitJob.sync"
        name = states[name].get("Next")
    stages = ["ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy"]
    assert order == stages
    jobs = {name: state["Parameters"] for name, state in states.items()}
    assert {name for name, job in jobs.items() if job["JobQueue"] == "gpu"} == {"train"}
    assert {job["JobQueue"] for job in jobs.values()} == {"cpu", "gpu"}
    asked = {
        name: {
            one["Type"]: one["Value"] for one in job["ContainerOverrides"]["ResourceRequirements"]
        }
        for name, job in jobs.items()
    }
    assert asked["train"] == {"VCPU": "4", "GPU": "1", "MEMORY": "16384"}
    assert asked["register"] == {"VCPU": "1", "MEMORY": "2048"}
    defined = {one["jobDefinitionName"]: one for one in made["job_definitions"]}
    for name, job in jobs.items():
        container = defined[job["JobDefinition"]]["containerProperties"]
        assert container["image"].startswith(f"{IMAGE}:")
        assert container["jobRoleArn"] == f"{ROLE}tasks"
        shared = container["linuxParameters"].get("sharedMemorySize")
        assert shared == (8192 if name == "train" else None)
        env = [one["Name"] for one in job["ContainerOverrides"]["Environment"]]
        assert "MLFLOW_TRACKING_URI" in env
        assert "METAFLOW_SKIP_INSTALL_DEPENDENCIES" in env


def launch(profile, *command):
    everything = ("files", "store", "registry", "kubernetes", "image")
    skip = [word for name in everything for word in ("--skip", name)]
    return ("pipeline/launch.py", "--profile", profile, *skip, *command)


def test_the_code_of_a_workflow_is_in_the_bucket_when_it_is_created(team, tmp_path):
    with serve_bucket(tmp_path, "models") as variables:
        create = ("pipeline/flow.py", "create", "--only-json")
        code, out, said = team.run(*launch("team", *create), **variables)
    assert code == 0, said
    (step,) = (one for one in json.loads(out)["spec"]["templates"] if one["name"] == "ingest")
    (url,) = (
        one["value"] for one in step["container"]["env"] if one["name"] == "METAFLOW_CODE_URL"
    )
    package = (tmp_path / url.removeprefix("s3://")).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(package)) as unpacked:
        names = unpacked.getnames()
    assert {"flow.py", "placement.py", "cluster.py", "progress.py"} <= set(names)


def test_what_could_not_work_is_refused_in_a_sentence_before_anything_is_made(team, described):
    run = ("pipeline/flow.py", "run")
    here = {"MLFLOW_TRACKING_URI": "http://mlflow.test:5000"}

    def refused(*command, **variables):
        code, out, said = team.run(*command, **variables)
        assert code == 1, out
        assert "Traceback" not in said
        return said

    (team.path / "configs" / "typo.yaml").write_text(PROFILE.replace("register:", "registre:"))
    said = refused("pipeline/flow.py", "--config", "config", "configs/typo.yaml", "run")
    assert "resources.registre: there is no such step" in said
    said = refused("pipeline/flow.py", "--config", "config", "configs/team.yaml", "run")
    assert "METAFLOW_DATASTORE_SYSROOT_S3=s3://models/metaflow" in said
    assert "set MLFLOW_TRACKING_URI" in refused(*launch("team", *run))
    said = refused(*launch("team", *run), **here)
    assert "http://minio.test:9000 in deploy/cluster.yaml and not set here" in said
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "key"}
    nowhere["AWS_SECRET_ACCESS_KEY"] = "secret"
    said = refused(*launch("team", "pipeline/flow.py", "create"), **nowhere)
    assert "s3://models/metaflow can't be reached at http://127.0.0.1:9" in said
    assert "nothing to create" in refused(*launch("local", "pipeline/flow.py", "create"))
    said = refused(*launch("batch", "pipeline/nodes.py", "create"))
    assert "Step Functions start no machines together" in said

    own = {"datastore": "s3://example-bucket/metaflow"}
    described(secrets={"s3": {"key": "AWS_SECRET_ACCESS_KEY"}}, metaflow=own)
    said = refused(*launch("batch", *run))
    assert "call it AWS_SECRET_ACCESS_KEY in the secret, not key" in said
    assert "metaflow.batch: name the queues" in said
    described(metaflow=own)
    assert "is an example, s3://example-bucket/metaflow" in refused(*launch("team", *run))
    assert not list(team.path.glob(".metaflow/*Flow")), "no run"
