"""MLP501: a pipeline that runs elsewhere and tries nothing again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.edits import add_import
from mlpo_cli.check.kfp import find_task
from mlpo_cli.check.model import Edit, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import FUNCTIONS, Definition, Module
from mlpo_cli.check.names import FunctionNode
from mlpo_cli.check.values import get_argument

RULE = Rule(
    id="MLP501",
    title="pipeline without retries",
    severity=Severity.INFO,
    sdks=(Sdk.METAFLOW, Sdk.KFP_V2, Sdk.ZENML),
    what="""
    Reports once each pipeline that is deployed, if none of its steps is tried again after a
    failure: a flow of Metaflow with `@schedule`, `@trigger`, `@trigger_on_finish` or `@project`
    whose steps have `@batch` or `@kubernetes`; a pipeline of KFP v2 in a file that uploads or
    starts one; a pipeline of ZenML with a step operator. A file that says "retry" anywhere is not
    reported, and neither is one that uses mlpo-kit, which reads retries from the settings.
    """,
    why="""
    Pods are evicted, machines are taken away and networks fail. Without a retry the whole run
    fails, and hours of training are lost.
    """,
    sources=(
        "docs.metaflow.org, Dealing with failures: use `@retry` by default for remote tasks",
        "kfp 2.17.0, `PipelineTask.set_retry`; zenml 0.98.0, `StepRetryConfig`: none by default",
    ),
    examples=(
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, kubernetes, schedule, step


@schedule(daily=True)
class TrainFlow(FlowSpec):
    @kubernetes(gpu=1)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            good="""\
from metaflow import FlowSpec, kubernetes, schedule, step
from metaflow import retry


@schedule(daily=True)
class TrainFlow(FlowSpec):
    @retry(times=2)
    @kubernetes(gpu=1)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            is_fixed=True,
        ),
        Example(
            bad="""\
from kfp import Client, dsl


@dsl.component(base_image="python:3.12-slim")
def train(epochs: int) -> float:
    return fit(epochs)


@dsl.pipeline
def training(epochs: int = 10):
    train(epochs=epochs)


Client().create_run_from_pipeline_func(training)
""",
            good="""\
from kfp import Client, dsl


@dsl.component(base_image="python:3.12-slim")
def train(epochs: int) -> float:
    return fit(epochs)


@dsl.pipeline
def training(epochs: int = 10):
    train(epochs=epochs).set_retry(num_retries=2)


Client().create_run_from_pipeline_func(training)
""",
            is_fixed=True,
        ),
        Example(
            bad="""\
from zenml import pipeline, step


@step(step_operator="cluster")
def train() -> float:
    return fit()


@pipeline
def training():
    train()
""",
            good="""\
from zenml import pipeline, step
from zenml.config.retry_config import StepRetryConfig


@step(step_operator="cluster")
def train() -> float:
    return fit()


@pipeline(retry=StepRetryConfig(max_retries=2, delay=30))
def training():
    train()
""",
            is_fixed=True,
        ),
    ),
    advice="""
    Let steps that can run twice be tried again: `@retry`, `.set_retry(num_retries=2)`, or
    `StepRetryConfig`. Limit their time too, so that one that hangs ends.
    """,
    fix="""
    Adds two retries: to the remote steps of Metaflow, to the tasks of KFP, to the pipeline of
    ZenML. Unsafe: only you know whether a step can run twice.
    """,
)

DEPLOYED = ("schedule", "trigger", "trigger_on_finish", "project")  # decorators of Metaflow
STARTS = (
    *("create_run_from_pipeline_func", "create_run_from_pipeline_package", "run_pipeline"),
    *("create_recurring_run", "upload_pipeline", "upload_pipeline_version"),
    *("upload_pipeline_from_pipeline_func", "upload_pipeline_version_from_pipeline_func"),
)
VERTEX = (
    "google.cloud.aiplatform.PipelineJob",
    "google.cloud.aiplatform.pipeline_jobs.PipelineJob",
)
REMOTE = ("metaflow.batch", "metaflow.kubernetes")
COMPONENTS = ("kfp.dsl.component", "kfp.dsl.container_component", "kfp.dsl.notebook_component")
STEPS = ("zenml.step", "zenml.steps.step")
WORDS = ("retry", "retries", "config_path", "mlpo_kit", "kfp.local", "import local")
ZENML_PIPELINES = ("zenml.pipeline", "zenml.pipelines.pipeline")


def check(module: Module) -> Iterator[Finding]:
    """Find the flows and pipelines of a module that try nothing again."""
    if may_retry(module):
        return
    for flow in module.list_nodes(ast.ClassDef):
        remote = list_remote_steps(module, flow)
        if remote:
            yield report(module, flow, add_retry_decorators(module, remote))
    called = {id(definition.node) for definition in list_called(module)}
    for function in module.functions:
        decorators = {name: node for name, node, _ in module.list_decorators(function)}
        if id(function) in called:
            continue  # a part of another pipeline, or started here
        if "kfp.dsl.pipeline" in decorators and starts_runs(module):
            tasks = list_tasks(module, function)
            if tasks:
                yield report(module, function, add_retry_to_tasks(module, tasks))
        for name in ZENML_PIPELINES:
            if name in decorators and is_remote(module, function):
                edits = add_retry_to_pipeline(module, decorators[name])
                yield report(module, function, edits)


def starts_runs(module: Module) -> bool:
    """Whether a module uploads or starts pipelines of KFP."""
    calls = (module.list_method_calls(*STARTS), module.list_calls(*VERTEX))
    return any(next(iter(found), None) is not None for found in calls)


def report(module: Module, node: FunctionNode | ast.ClassDef, edits: list[Edit]) -> Finding:
    """Return the finding for a flow or a pipeline, at its first line."""
    start, _ = module.span(node)
    end = module.source.text.find("\n", start)
    message = f"No step of `{node.name}` is tried again after a failure."
    return RULE.report(module, (start, end if end > 0 else start), message, edits=edits)


def may_retry(module: Module) -> bool:
    """Whether the words of a module say that it retries, or leaves that to others."""
    text = module.source.text.lower()
    return any(word in text for word in WORDS)


def list_called(module: Module) -> Iterator[Definition]:
    """Yield the functions that are called in the pipelines of a module."""
    for call in module.list_nodes(ast.Call):
        definition = module.find_definition(call.func)
        around = module.find_function(call)
        if definition and around and isinstance(definition.node, FUNCTIONS):
            names = {name for name, _, _ in module.list_decorators(around)}
            if not names.isdisjoint(("kfp.dsl.pipeline", *ZENML_PIPELINES)):
                yield definition


def list_remote_steps(module: Module, flow: ast.ClassDef) -> list[FunctionNode]:
    """Return the remote steps of a flow; none if its decorators cannot all be told."""
    if [module.resolve(base) for base in flow.bases] != ["metaflow.FlowSpec"]:
        return []
    of_flow = [name for name, _, _ in module.list_decorators(flow)]
    if len(of_flow) < len(flow.decorator_list) or {f"metaflow.{d}" for d in DEPLOYED}.isdisjoint(
        of_flow
    ):
        return []
    remote = []
    for step in flow.body:
        if not isinstance(step, FUNCTIONS):
            continue
        names = [name for name, _, _ in module.list_decorators(step)]
        if "metaflow.step" not in names:
            continue
        is_known = len(names) == len(step.decorator_list)
        if not is_known or not all(name.startswith("metaflow.") for name in names):
            return []
        if not set(REMOTE).isdisjoint(names):
            remote.append(step)
    return remote


def list_tasks(module: Module, pipeline: FunctionNode) -> list[ast.Call]:
    """Return the calls that make the tasks of a pipeline; none if they cannot be followed."""
    tasks = []
    for call in (node for node in ast.walk(pipeline) if isinstance(node, ast.Call)):
        definition = module.find_definition(call.func)
        if definition is None or not isinstance(definition.node, FUNCTIONS):
            continue
        names = {name for name, _, _ in definition.module.list_decorators(definition.node)}
        if names.isdisjoint(COMPONENTS):
            return []  # a helper or a nested pipeline, in which more may be set
        if not find_task(module, call).is_complete:
            return []
        tasks.append(call)
    return tasks


def is_remote(module: Module, pipeline: FunctionNode) -> bool:
    """Whether a step of a pipeline of ZenML has a step operator, and no step retries."""
    operators = False
    for call in (node for node in ast.walk(pipeline) if isinstance(node, ast.Call)):
        definition = module.find_definition(call.func)
        if definition is None or isinstance(definition.node, ast.ClassDef):
            continue
        if definition.module is not module and may_retry(definition.module):
            return False
        for name, _, decorator in definition.module.list_decorators(definition.node):
            if name in STEPS and decorator:
                operator = get_argument(decorator, "step_operator")
                operators = operators or not (operator is None or is_none(operator))
    return operators


def is_none(node: ast.expr | None) -> bool:
    """Whether an expression is None."""
    return isinstance(node, ast.Constant) and node.value is None


def add_retry_decorators(module: Module, steps: list[FunctionNode]) -> list[Edit]:
    """Return the edits that decorate steps with retries."""
    name, edits = add_import(module, "metaflow.retry")
    newline = find_newline(module)
    for step in steps:
        start = module.span(step.decorator_list[0])[0] - 1  # of the `@`
        line_start = module.source.text.rfind("\n", 0, start) + 1
        indent = module.source.text[line_start:start]
        if indent.strip(" \t") or module.source.text[start : start + 1] != "@":
            return []
        edits = [*edits, Edit(start, start, f"@{name}(times=2){newline}{indent}")]
    return edits


def add_retry_to_tasks(module: Module, tasks: list[ast.Call]) -> list[Edit]:
    """Return the edits that let tasks be tried again."""
    ends = sorted({module.span(task)[1] for task in tasks})
    return [Edit(end, end, ".set_retry(num_retries=2)") for end in ends]


def add_retry_to_pipeline(module: Module, decorator: ast.expr) -> list[Edit]:
    """Return the edits that let the steps of a pipeline be tried again."""
    name, edits = add_import(module, "zenml.config.retry_config.StepRetryConfig")
    retry = f"retry={name}(max_retries=2, delay=30)"
    if not isinstance(decorator, ast.Call):
        _, end = module.span(decorator)
        return [*edits, Edit(end, end, f"({retry})")]
    _, end = module.span(decorator.func)
    if decorator.args or module.source.text[end : end + 1] != "(":
        return []
    comma = ", " if decorator.keywords else ""
    return [*edits, Edit(end + 1, end + 1, f"{retry}{comma}")]


def find_newline(module: Module) -> str:
    """Return how the lines of a module end."""
    return "\r\n" if "\r\n" in module.source.text else "\n"
