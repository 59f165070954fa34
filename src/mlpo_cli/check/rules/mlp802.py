"""MLP802: a time, id or random number that is taken once, for all runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.kfp import COMPONENT_DECORATORS
from mlpo_cli.check.model import ANY_KFP, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.moments import RANDOM, Use, list_moments, list_uses
from mlpo_cli.check.pipelines import KFP_PIPELINES, ZENML_PIPELINES, find_pipeline, makes_tasks

HEAD = """\
from datetime import datetime

from kfp import compiler, dsl


@dsl.component(base_image="python:3.12-slim")
def prepare(day: str):
    {prepare}


@dsl.pipeline
def preparation():
    prepare(day={day})


compiler.Compiler().compile(preparation, "preparation.yaml")
"""
FLOW = """\
from datetime import datetime

from metaflow import FlowSpec, Parameter, schedule, step


@schedule(daily=True)
class PrepareFlow(FlowSpec):
    day = Parameter("day", default={default})

    @step
    def start(self):
{start}        self.next(self.end)

    @step
    def end(self):
        pass
"""
RULE = Rule(
    id="MLP802",
    title="time, id or random number that is the same in every run",
    severity=Severity.WARNING,
    sdks=(*ANY_KFP, Sdk.METAFLOW, Sdk.ZENML),
    what="""
    Reports the current time, a new id or a random number that goes from a pipeline function into a
    task, or is the default of a parameter of it or of a component. In KFP that is where the same
    file compiles the pipeline or uploads it, and does not only start it at once; in ZenML where it
    has a `Schedule`. Reports them too as the default of a `Parameter` of a flow with `@schedule`,
    `@trigger`, `@trigger_on_finish` or `@project`. Not reported are names that are only shown,
    random numbers after `seed(...)`, and what a script gives to a run as an argument.
    """,
    why="""
    The value is taken when the pipeline is compiled, or the flow is deployed. Every run of it has
    the same one, whenever it starts: the data of an old day, or the id of another run.
    """,
    sources=(
        "kfp 2.17.0, compiled there: the time of compilation is a constant in the specification; "
        "kubeflow/pipelines issue 7340",
        "metaflow 2.19.39, plugins/argo/argo_workflows.py, `_process_parameters`: the default, "
        "also that of a function, is written into the template when the flow is deployed",
        "the documentation of ZenML: static pipelines are compiled before they run",
    ),
    examples=(
        Example(
            bad=HEAD.format(prepare="read_rows(day)", day='datetime.now().strftime("%Y-%m-%d")'),
            good=HEAD.format(
                prepare="read_rows(day[:10])", day="dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER"
            ),
        ),
        Example(
            file="flow.py",
            bad=FLOW.format(default="datetime.now().isoformat()", start=""),
            good=FLOW.format(
                default='""',
                start="        self.chosen_day = self.day or datetime.now().isoformat()\n",
            ),
        ),
    ),
    advice="""
    Take it in a component or step. KFP v2 also has `dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER`
    and `dsl.PIPELINE_JOB_ID_PLACEHOLDER`, Metaflow `current.run_id`.
    """,
)

STARTS = ("create_run_from_pipeline_func", "create_run_from_pipeline_package", "run_pipeline")
VERTEX = (
    "google.cloud.aiplatform.PipelineJob",
    "google.cloud.aiplatform.pipeline_jobs.PipelineJob",
)
COMPILERS = (
    *("kfp.compiler.Compiler", "kfp.compiler.compiler.Compiler", "kfp.Compiler"),
    *("kfp.v2.compiler.Compiler", "kfp.v2.compiler.compiler.Compiler"),
)
KEEPS = (
    *("create_recurring_run", "create_schedule", "create_schedule_from_job_spec"),
    *("upload_pipeline", "upload_pipeline_version", "upload_pipeline_from_pipeline_func"),
    *("upload_pipeline_version_from_pipeline_func",),
)
SCHEDULES = (
    *("zenml.config.schedule.Schedule", "zenml.config.Schedule"),
    *("zenml.pipelines.Schedule", "zenml.pipelines.schedule.Schedule"),
)
SEEDS = ("random.seed", "numpy.random.seed")
PARAMETERS = ("metaflow.Parameter", "metaflow.Config", "metaflow.parameters.Parameter")
DEPLOYED = frozenset(
    f"metaflow.{name}" for name in ("schedule", "trigger", "trigger_on_finish", "project")
)


def check(module: Module) -> Iterator[Finding]:
    """Find the values of the moment in a module that all runs share."""
    is_seeded = any(module.list_calls(*SEEDS))
    for call, name in list_moments(module):
        if name in RANDOM and is_seeded:
            continue
        moments = (find_moment(module, use) for use in list_uses(module, call))
        moment = next((moment for moment in moments if moment), None)
        if moment:
            code = " ".join(module.get_text(call).split())[:60]
            message = f"`{code}` is taken when {moment}, and then is the same in every run."
            yield RULE.report(module, call, message)


def find_moment(module: Module, use: Use) -> str | None:
    """Return when a value is taken that all runs share; None if each run may have its own."""
    user = use.user
    if isinstance(user, ast.Call):
        if module.resolve(user.func) in PARAMETERS:
            is_default = use.keyword == "default" and is_deployed(module, user)
            return "the flow is deployed" if is_default else None
        pipeline = find_pipeline(module, user)
        if pipeline is None or use.keyword.endswith("display_name"):
            return None
        if not is_set_on_task(user) and not makes_tasks(module, user.func, pipeline):
            return None
        is_zenml = pipeline.is_zenml
    else:
        names = {name for name, _, _ in module.list_decorators(user)}
        is_zenml = not names.isdisjoint(ZENML_PIPELINES)
        if not is_zenml and names.isdisjoint((*KFP_PIPELINES, *COMPONENT_DECORATORS)):
            return None
    if is_zenml:
        return "the pipeline is scheduled" if is_scheduled(module) else None
    return "the pipeline is compiled" if is_kept(module) else None


def is_set_on_task(call: ast.Call) -> bool:
    """Whether a call sets an environment variable of a task."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "set_env_variable"


def is_deployed(module: Module, call: ast.Call) -> bool:
    """Whether the flow that a parameter belongs to has a decorator for deployed flows."""
    flow = module.find_class(call)
    decorators = module.list_decorators(flow) if flow else ()
    return any(name in DEPLOYED for name, _, _ in decorators)


def is_scheduled(module: Module) -> bool:
    """Whether a module makes a schedule of ZenML."""
    if "is scheduled" not in module.memory:
        module.memory["is scheduled"] = any(module.list_calls(*SCHEDULES))
    return module.memory["is scheduled"]  # type: ignore[no-any-return]


def is_kept(module: Module) -> bool:
    """Whether a module compiles a pipeline of KFP for later runs, and not just for one."""
    if "is kept" not in module.memory:
        starts = any(module.list_method_calls(*STARTS)) or any(module.list_calls(*VERTEX))
        is_compiled = any(module.list_calls(*COMPILERS)) and not starts
        module.memory["is kept"] = is_compiled or any(module.list_method_calls(*KEEPS))
    return module.memory["is kept"]  # type: ignore[no-any-return]
