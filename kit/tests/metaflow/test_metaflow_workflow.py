"""The workflows that Metaflow compiles from a profile and a cluster's description."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import call, make_project, run_flow, run_kit, run_well

from mlpo_kit.metaflow.compilation import find_job_problems

pytestmark = pytest.mark.slow

IMAGE = "registry.test:5000/team/digits"
ROLE = "arn:aws:iam::123456789012:role/"
CLUSTER: dict[str, Any] = {
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
PROFILE: dict[str, Any] = {
    "compute": "kubernetes",
    "storage_root": "s3://models/project",
    "resources": {
        "register": {"memory_mb": 2048, "retries": 2},
        "train": {"cpu": 4, "memory_mb": 16384, "gpu": 1, "timeout_hours": 24},
    },
    "train": {"device": "cuda"},
}
NODES: dict[str, Any] = {
    "compute": "kubernetes",
    "storage_root": "/mnt/store",
    "train": {"nodes": 3, "processes": 4, "device": "cuda", "batch_size": 96},
    "resources": {"train": {"cpu": 4, "memory_mb": 16384, "gpu": 4}},
}
SKIP = [
    word
    for name in ("files", "store", "registry", "kubernetes", "image")
    for word in ("--skip", name)
]

Templates = dict[str, Any]
Describe = Callable[..., None]


def describe_cluster(root: Path, **changes: Any) -> None:
    (root / "deploy" / "cluster.yaml").write_text(yaml.safe_dump({**CLUSTER, **changes}))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the description of a cluster, and profiles for it."""
    root = make_project(tmp_path_factory.mktemp("cluster"))
    describe_cluster(root)
    profiles = {"team": PROFILE, "nodes": NODES, "batch": {**PROFILE, "compute": "batch"}}
    for name, document in profiles.items():
        (root / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return root


@pytest.fixture
def described(team: Path) -> Iterator[Describe]:
    """Change the cluster's description for one test."""
    yield lambda **changes: describe_cluster(team, **changes)
    describe_cluster(team)


def compile_argo(root: Path, profile: str, **variables: str) -> dict[str, Any]:
    """Compile the Argo workflow of a profile, with its templates by name."""
    run_well(root, "manifests", "--profile", profile, **variables)
    document = yaml.safe_load((root / "build/manifests/workflow.yaml").read_text())
    assert document["apiVersion"] == "argoproj.io/v1alpha1"
    assert document["kind"] == "WorkflowTemplate"
    templates = {template["name"]: template for template in document["spec"]["templates"]}
    return {**document, "templates": templates}


@pytest.fixture(scope="module")
def workflow(team: Path) -> dict[str, Any]:
    return compile_argo(team, "team")


def count_gpus(templates: Templates) -> dict[str, str | None]:
    """The GPUs of each task, by name."""
    return {
        name: template["container"]["resources"]["limits"].get("nvidia.com/gpu")
        for name, template in templates.items()
        if "container" in template
    }


def list_tasks(compiled: dict[str, Any], flow: str) -> dict[str, Any]:
    return {task["name"]: task for task in compiled["templates"][flow]["dag"]["tasks"]}


def test_a_known_result_starts_no_pod_that_holds_a_gpu(workflow: dict[str, Any]) -> None:
    """The cache lookup runs on a CPU and decides whether `train` starts."""
    assert [name for name, gpu in count_gpus(workflow["templates"]).items() if gpu] == ["train"]
    tasks = list_tasks(workflow, "TrainFlow")
    chosen = "tasks['validate'].outputs.parameters['switch-step']"
    assert tasks["train"]["depends"] == "validate.Succeeded"
    assert chosen in tasks["train"]["when"]
    assert "== 'train'" in tasks["train"]["when"]
    assert "== 'evaluate'" in tasks["evaluate"]["when"]
    assert "when" not in tasks["validate"]


def test_each_pod_is_as_the_cluster_is_described(team: Path, workflow: dict[str, Any]) -> None:
    assert workflow["metadata"]["namespace"] == "team"
    cron = json.loads(workflow["metadata"]["annotations"]["metaflow/cron"])
    assert cron["schedule"] == "0 3 * * ?"
    name_image = (
        "from mlpo_kit.cluster.description import *; from mlpo_kit.cluster.image import *;"
        "print(name_image(read_cluster(Cluster, ignore_unknown=True)))"
    )
    tag = call(team, "-c", name_image).stdout.strip()
    steps = {name: one for name, one in workflow["templates"].items() if "container" in one}
    assert len(steps) == 7
    for name, step in steps.items():
        container = step["container"]
        assert container["image"] == tag
        assert container["image"].startswith(f"{IMAGE}:")
        env = {one["name"]: one.get("value") for one in container["env"]}
        assert env["MLFLOW_TRACKING_URI"] == "http://mlflow.test:5000"
        assert env["AWS_ENDPOINT_URL"] == "http://minio.test:9000"
        assert env["METAFLOW_SKIP_INSTALL_DEPENDENCIES"] == "1"
        assert env["METAFLOW_DATASTORE_SYSROOT_S3"] == "s3://models/metaflow"
        assert env["OMP_NUM_THREADS"] == ("4" if name == "train" else "1")
        assert env["MLPO_KIT_VERSION"]
        assert env["MLPO_KIT_VARIANT"] == "plain"
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
        hours = 24 if name == "train" else 48  # retention.max_run_hours
        assert step["activeDeadlineSeconds"] == hours * 3600
        tries = step.get("retryStrategy", {}).get("limit", 0)
        assert tries == {"train": 1, "register": 2}.get(name, 0)
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


def test_kubernetes_would_take_every_pod_and_aws_every_job(team: Path) -> None:
    """With Kubernetes' own schemas and those of AWS."""
    assert "no problems" in run_well(team, "validate", "--profile", "team").stdout
    run_well(team, "validate", "--profile", "batch")


def test_the_nightly_prune_knows_the_datastore(team: Path, workflow: dict[str, Any]) -> None:
    documents = (team / "build" / "manifests" / "prune.yaml").read_text()
    (job,) = (one for one in yaml.safe_load_all(documents) if one["kind"] == "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"][1:4] == ["-m", "mlpo_kit.cli", "prune"]
    env = {one["name"]: one.get("value") for one in container["env"]}
    assert env["METAFLOW_DEFAULT_DATASTORE"] == "s3"
    assert env["METAFLOW_DATASTORE_SYSROOT_S3"] == "s3://models/metaflow"


def test_each_trial_of_a_sweep_holds_a_gpu_and_no_other_task_does(team: Path) -> None:
    swept = compile_argo(team, "team", MLPO_KIT_VARIANT="sweep")
    templates = swept["templates"]
    assert [name for name, gpu in count_gpus(templates).items() if gpu] == ["trial"]
    assert swept["spec"]["parallelism"] == 1  # as configs/sweep.yaml says
    tasks = list_tasks(swept, "SweepFlow")
    trials = tasks["train-foreach-trials"]
    assert trials["withParam"] == "{{tasks.train.outputs.parameters.num-splits}}"
    assert tasks["choose"]["depends"] == "train-foreach-trials.Succeeded"
    env = {one["name"]: one.get("value") for one in templates["trial"]["container"]["env"]}
    assert env["MLPO_KIT_VARIANT"] == "sweep"


def test_several_machines_are_one_gang_and_each_holds_its_gpus(team: Path) -> None:
    """All machines start together as a JobSet; no other step holds a GPU; the store is a volume."""
    compiled = compile_argo(team, "nodes")  # as the profile says
    templates = compiled["templates"]
    assert not any(count_gpus(templates).values())
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
        env = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert "MF_MASTER_ADDR" in env
        assert env["MLPO_KIT_VARIANT"] == "nodes"
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        assert {"name": "store", "mountPath": "/mnt/store"} in [
            {key: mount[key] for key in ("name", "mountPath")}
            for mount in container["volumeMounts"]
        ]
        assert {"name": "store", "persistentVolumeClaim": {"claimName": "store"}} in [
            {key: value for key, value in volume.items() if value} for volume in pod["volumes"]
        ]
    tasks = list_tasks(compiled, "NodesFlow")
    assert "== 'train'" in tasks["train"]["when"]
    assert "== 'evaluate'" in tasks["evaluate"]["when"]


def compile_states(root: Path, **variables: str) -> dict[str, Any]:
    run_well(root, "manifests", "--profile", "batch", **variables)
    path = root / "build" / "manifests" / "step-functions.json"
    compiled: dict[str, Any] = json.loads(path.read_text())
    return compiled


def test_step_functions_have_the_jobs_one_after_another_and_one_on_the_queue_with_gpus(
    team: Path,
) -> None:
    made = compile_states(team)
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
        env = {one["Name"]: one.get("Value") for one in job["ContainerOverrides"]["Environment"]}
        assert "MLFLOW_TRACKING_URI" in env
        assert "METAFLOW_SKIP_INSTALL_DEPENDENCIES" in env
        assert env["MLPO_KIT_VARIANT"] == "straight"


def test_step_functions_have_a_sweep_too(team: Path, described: Describe) -> None:
    batch = {**CLUSTER["metaflow"]["batch"], "table": "trials"}
    described(metaflow={**CLUSTER["metaflow"], "batch": batch})
    states = compile_states(team, MLPO_KIT_VARIANT="sweep")["workflow"]["States"]
    (loop,) = (state for name, state in states.items() if "Iterator" in state)
    (trial,) = (
        loop["Iterator"]["States"].values()
        if len(loop["Iterator"]["States"]) == 1
        else [loop["Iterator"]["States"]["trial"]]
    )
    assert trial["Parameters"]["JobQueue"] == "gpu"
    assert states["train"]["Parameters"]["JobQueue"] == "cpu"


def test_the_check_of_a_job_can_fail() -> None:
    job = {"JobName": "one", "JobQueue": "cpu", "JobDefinition.$": "$.one"}
    state: dict[str, Any] = {"Resource": "arn:aws:states:::batch:submitJob.sync"}
    state["Parameters"] = job
    assert find_job_problems({"States": {"one": state}}) == []
    state["Parameters"] = {**job, "JobQueue": 1, "Gpu": "2"}
    (problem,) = find_job_problems({"States": {"loop": {"Iterator": {"States": {"one": state}}}}})
    assert "jobQueue" in problem
    assert "gpu" in problem


def test_a_decorator_of_the_user_s_own_comes_last(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    describe_cluster(root)
    (root / "configs" / "team.yaml").write_text(yaml.safe_dump(PROFILE))
    flow = root / "pipeline" / "flow.py"
    own = (
        "    @retry(times=3)\n    @timeout(hours=2)\n    @environment(vars={'MINE': '1'})\n"
        "    @kubernetes(memory=999, node_selector={'zone': 'b'})\n    @step\n    def train"
    )
    text = flow.read_text().replace("    @step\n    def train", own)
    names = "import card, environment, kubernetes, retry, step, timeout"
    flow.write_text(text.replace("import card, step", names))
    train = compile_argo(root, "team")["templates"]["train"]
    container = train["container"]
    assert container["resources"]["limits"]["memory"] == "999M"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container["image"].startswith(IMAGE)
    assert train["nodeSelector"] == {"zone": "b"}
    assert train["activeDeadlineSeconds"] == 2 * 3600
    assert train["retryStrategy"]["limit"] == 3
    env = {one["name"]: one.get("value") for one in container["env"]}
    assert (env["MINE"], env["MLFLOW_TRACKING_URI"]) == ("1", "http://mlflow.test:5000")


def test_a_gpu_without_a_node_selector_can_be_asked_for(team: Path, described: Describe) -> None:
    """Metaflow passes a pod's resources on a command line and parses them again."""
    described(node_selector={})
    script = (
        "import sys, json; sys.path.insert(0, 'pipeline'); sys.argv[1:] = ['show']\n"
        "from flow import TrainFlow\n"
        "from mlpo_kit.metaflow.start import name_user\n"
        "name_user()\n"
        "import atexit\n"
        "def ask():\n"
        "    from metaflow.plugins.kubernetes.kubernetes_cli import step\n"
        "    from metaflow.plugins.kubernetes.kube_utils import parse_kube_keyvalue_list\n"
        "    class Arguments:\n"
        "        commands, command_args, command_options, entrypoint = [], [], {}, ['']\n"
        "    (pod,) = [one for one in TrainFlow.train.decorators if one.name == 'kubernetes']\n"
        "    pod.package_metadata = pod.package_sha = pod.package_url = 'x'\n"
        "    pod.run_time_limit = 1\n"
        "    pod.runtime_step_cli(Arguments, 0, 1, None)\n"
        "    kept = Arguments.command_options\n"
        "    from metaflow.util import dict_to_cli_options\n"
        "    words = dict_to_cli_options({'node-selector': kept.get('node_selector')})\n"
        "    found = step.make_context('step', ['train', 'm', 's', 'u', *map(str, words)]).params\n"
        "    print('SELECTS', parse_kube_keyvalue_list(found['node_selector']))\n"
        "try:\n"
        "    sys.argv = ['pipeline/flow.py', '--config', 'config', 'configs/team.yaml', 'show']\n"
        "    TrainFlow()\n"
        "except SystemExit:\n"
        "    ask()\n"
    )
    done = call(
        team,
        "-c",
        script,
        METAFLOW_DEFAULT_DATASTORE="s3",
        METAFLOW_DATASTORE_SYSROOT_S3="s3://models/metaflow",
    )
    assert "SELECTS {}" in done.stdout, done.stdout + done.stderr


class ClusterApi(BaseHTTPRequestHandler):
    """The part of Kubernetes that a schedule and a start need; it accepts what is posted."""

    template: dict[str, Any] | None = None  # the workflow that is there
    bodies: list[dict[str, Any]] = []  # noqa: RUF012 (emptied by each test)

    def do_GET(self) -> None:
        if self.template is not None and "/workflowtemplates/" in self.path:
            self._answer(200, self.template)
        else:
            self._answer(404, {"message": "not there"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.bodies.append(body)
        self._answer(201, {**body, "metadata": {"name": "toy-1", **body["metadata"]}})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[str]:
    """Write a kubeconfig that points to the test's API server."""
    ClusterApi.template = None
    ClusterApi.bodies.clear()
    with HTTPServer(("127.0.0.1", 0), ClusterApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        config = {
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {"server": address}}],
            "users": [{"name": "test", "user": {}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        yield str(tmp_path / "kubeconfig")
        server.shutdown()


def test_a_schedule_is_written_as_argo_4_wants_it(team: Path, kubernetes: str) -> None:
    script = (
        "import os\n"
        "from mlpo_kit.config.settings import load_settings\n"
        "from mlpo_kit.metaflow.description import list_variables, read_metaflow_cluster\n"
        "os.environ.update(list_variables(read_metaflow_cluster(load_settings('team'))))\n"
        "from metaflow.plugins.argo.argo_client import ArgoClient\n"
        "client = ArgoClient(namespace='team')\n"
        "client.schedule_workflow_template('toy', '0 3 * * ?', 'UTC')\n"
    )
    done = call(team, "-c", script, KUBECONFIG=kubernetes)
    assert done.returncode == 0, done.stderr
    (body,) = ClusterApi.bodies
    assert body["kind"] == "CronWorkflow"
    assert body["spec"]["schedules"] == ["0 3 * * ?"]
    assert "schedule" not in body["spec"]


def test_a_workflow_is_started_with_other_settings(
    team: Path, workflow: dict[str, Any], kubernetes: str
) -> None:
    ClusterApi.template = {key: value for key, value in workflow.items() if key != "templates"}
    start = ("trigger", "--profile", "team", "--set", "train.epochs=5")
    done = run_kit(team, *start, KUBECONFIG=kubernetes)
    assert done.returncode == 0, done.stdout + done.stderr
    (body,) = ClusterApi.bodies
    assert body["spec"]["workflowTemplateRef"] == {"name": workflow["metadata"]["name"]}
    given = {one["name"]: one["value"] for one in body["spec"]["arguments"]["parameters"]}
    assert json.loads(json.loads(given["settings"])) == ["train.epochs=5"]


def test_a_start_that_can_t_work_is_refused_in_a_sentence_before_it_begins(
    team: Path, described: Describe
) -> None:
    here = {"MLFLOW_TRACKING_URI": "http://mlflow.test:5000"}

    def refuse(*command: str, **variables: str) -> str:
        done = run_kit(team, *command, *SKIP, **variables)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    resources = {"registre": {"memory_mb": 2048}}
    (team / "configs" / "typo.yaml").write_text(yaml.safe_dump({"resources": resources}))
    assert "resources.registre: there is no such stage" in refuse("run", "--profile", "typo")
    done = run_flow(team, "--config", "config", "configs/team.yaml", "run")
    assert done.returncode == 1
    assert "METAFLOW_DATASTORE_SYSROOT_S3=s3://models/metaflow" in done.stderr
    assert "set MLFLOW_TRACKING_URI" in refuse("run", "--profile", "team")
    shown = refuse("run", "--profile", "team", **here)
    assert "http://minio.test:9000 in deploy/cluster.yaml and not set here" in shown
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "key"}
    nowhere["AWS_SECRET_ACCESS_KEY"] = "secret"
    shown = refuse("workflow", "--profile", "team", **nowhere)
    assert "s3://models/metaflow can't be reached at http://127.0.0.1:9" in shown
    assert "nothing to create" in refuse("workflow", "--profile", "local")
    shown = refuse("workflow", "--profile", "batch", "--variant", "nodes")
    assert "Step Functions can't start several machines together" in shown

    own = {"datastore": "s3://example-bucket/metaflow"}
    described(secrets={"s3": {"key": "AWS_SECRET_ACCESS_KEY"}}, metaflow=own)
    shown = refuse("run", "--profile", "batch")
    assert "rename key to AWS_SECRET_ACCESS_KEY there" in shown
    assert "metaflow.batch: add the queues" in shown
    described(metaflow=own)
    shown = refuse("run", "--profile", "team")
    assert "metaflow.datastore in deploy/cluster.yaml: s3://example-bucket/metaflow" in shown
    assert not list(team.glob(".metaflow/*Flow")), "no run"


def test_a_start_can_t_set_what_the_workflow_was_compiled_from(team: Path) -> None:
    done = run_kit(team, "trigger", "--profile", "team", "--set", "resources.train.gpu=2")
    assert done.returncode == 1
    assert done.stderr.startswith("error: resources.train.gpu: fixed when the pipeline was")
    done = run_kit(team, "trigger", "--profile", "team", "--set", "train.epochs=0")
    assert done.returncode == 1
    assert "train.epochs" in done.stderr
