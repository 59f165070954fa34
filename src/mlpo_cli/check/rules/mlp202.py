"""MLP202: old names of the methods that set accelerators."""

from __future__ import annotations

from collections.abc import Iterator

from mlpo_cli.check.model import Edit, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module

RULE = Rule(
    id="MLP202",
    title="old name of a method that sets accelerators",
    severity=Severity.WARNING,
    sdks=(Sdk.KFP_V2,),
    what="""
    Reports `set_gpu_limit`, and `add_node_selector_constraint` with one argument, on tasks of KFP
    v2. In KFP v1 they are right.
    """,
    why="""
    KFP v2 still has them, with a DeprecationWarning that Python hides by default. A later release
    can remove them.
    """,
    sources=("kfp 2.17.0, kfp/dsl/pipeline_task.py",),
    examples=(
        Example(
            bad="""\
from kfp import dsl


@dsl.component(base_image="pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime")
def train(epochs: int) -> float:
    return run_training(epochs)


@dsl.pipeline
def training(epochs: int = 10):
    train(epochs=epochs).set_accelerator_type("nvidia.com/gpu").set_gpu_limit(1)
""",
            good="""\
from kfp import dsl


@dsl.component(base_image="pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime")
def train(epochs: int) -> float:
    return run_training(epochs)


@dsl.pipeline
def training(epochs: int = 10):
    train(epochs=epochs).set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
""",
            is_fixed=True,
        ),
    ),
    advice="Use the new name.",
    fix="Renames the method. Safe: the old method does nothing but warn and call the new one.",
)

NEW_NAMES = {
    "set_gpu_limit": "set_accelerator_limit",
    "add_node_selector_constraint": "set_accelerator_type",
}


def check(module: Module) -> Iterator[Finding]:
    """Find the old names in a module."""
    for call, attribute in module.list_method_calls(*NEW_NAMES):
        old, new = attribute.attr, NEW_NAMES[attribute.attr]
        if len(call.args) == 1 and not call.keywords:  # with two arguments it is that of v1
            start, end = module.span_name(attribute)
            yield RULE.report(
                module,
                (start, end),
                f"`{old}` is an old name of `{new}`.",
                advice=f"Write `{new}`.",
                edits=[Edit(start, end, new)],
                is_safe=True,
            )
