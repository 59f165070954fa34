"""MLP201: a task asks for accelerators but names no type."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.kfp import find_task
from mlpo_cli.check.model import Edit, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module, get_last_name
from mlpo_cli.check.spec import Spec
from mlpo_cli.check.values import find_assigned, find_constant, get_argument

RULE = Rule(
    id="MLP201",
    title="number of accelerators without their type",
    severity=Severity.ERROR,
    sdks=(Sdk.KFP_V2,),
    what="""
    Reports a task that asks for a number of GPUs or other accelerators and for no type of them, in
    Python and in compiled pipelines. A task that is passed to a function which cannot be followed
    is not reported, and neither is KFP v1, where the number is enough.
    """,
    why="""
    KFP v2 adds accelerators to a pod only if both the number and the type are there. With the
    number alone the step runs on the CPU, without an error or a warning.
    """,
    sources=(
        "kubeflow/pipelines 2.17.0, backend/src/v2/driver/driver.go: both are needed",
        "kfp 2.17.0, `PipelineTask.set_gpu_limit`: only applies if the type is also set",
    ),
    examples=(
        Example(
            bad="""\
from kfp import dsl


@dsl.component(base_image="pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime")
def train(epochs: int) -> float:
    return run_training(epochs)


@dsl.pipeline
def training(epochs: int = 10):
    trained = train(epochs=epochs)
    trained.set_memory_limit("32G").set_accelerator_limit(1)
""",
            good="""\
from kfp import dsl


@dsl.component(base_image="pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime")
def train(epochs: int) -> float:
    return run_training(epochs)


@dsl.pipeline
def training(epochs: int = 10):
    trained = train(epochs=epochs)
    trained.set_memory_limit("32G").set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
""",
            is_fixed=True,
        ),
        Example(
            file="pipeline.yaml",
            bad="""\
deploymentSpec:
  executors:
    exec-train:
      container:
        image: pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime
        resources:
          accelerator:
            count: '1'
pipelineInfo:
  name: training
""",
            good="""\
deploymentSpec:
  executors:
    exec-train:
      container:
        image: pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime
        resources:
          accelerator:
            count: '1'
            type: nvidia.com/gpu
pipelineInfo:
  name: training
""",
        ),
    ),
    advice="""
    Name the type too: `.set_accelerator_type("nvidia.com/gpu")`, or on Vertex AI for example
    "NVIDIA_TESLA_T4".
    """,
    fix="""
    Adds `.set_accelerator_type("nvidia.com/gpu")`. Unsafe: only you know which type your cluster
    has. Compiled pipelines are not edited; compile them again.
    """,
)

COUNTS = ("set_gpu_limit", "set_accelerator_limit")
TYPES = ("set_accelerator_type", "add_node_selector_constraint")


def check(module: Module) -> Iterator[Finding]:
    """Find the tasks of a module that have a number and no type."""
    for call, attribute in module.list_method_calls(*COUNTS):
        count = get_argument(call, "limit", 0) or get_argument(call, "gpu")
        if str(find_constant(module, count)) == "0":
            continue
        task = find_task(module, call)
        if is_made_by_hand(module, attribute.value):
            continue
        if task.is_complete and task.methods.keys().isdisjoint(TYPES):
            # Edits start where the chain goes on: comments and line breaks stay.
            _, end = module.span(attribute.value)
            yield RULE.report(
                module,
                module.span_name(attribute),
                "The task asks for accelerators but for no type of them: it gets none.",
                edits=[Edit(end, end, '.set_accelerator_type("nvidia.com/gpu")')],
            )


def is_made_by_hand(module: Module, node: ast.expr) -> bool:
    """Whether a task is `PipelineTask(...)`, as in the tests of KFP itself: it is never run."""
    found = find_assigned(module, node)
    made = found[1] if found else node
    return isinstance(made, ast.Call) and get_last_name(made.func) == "PipelineTask"


def check_spec(spec: Spec) -> Iterator[Finding]:
    """Find the executors of a compiled pipeline that have a number and no type."""
    for name, container in spec.containers.items():
        accelerator = container.get("resources", "accelerator")
        counts = [accelerator.get(key) for key in ("count", "resourceCount")] if accelerator else []
        types = [accelerator.get(key) for key in ("type", "resourceType")] if accelerator else []
        count = next((value for value in counts if value and value.text not in ("", "0")), None)
        if count and not any(value and value.text for value in types):
            message = (
                f"The task {name} asks for accelerators but for no type of them: it gets none."
            )
            yield RULE.report(spec, count, message)
