"""MLP801: a Python condition on a value that only a run of the pipeline has."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.conditions import CONDITIONS, MOST_STEPS, Finder
from mlpo_cli.check.model import ANY_KFP, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.pipelines import find_pipeline, list_pipelines

HEAD = """\
from kfp import dsl


@dsl.component(base_image="python:3.12-slim")
def train(epochs: int) -> float:
    return run_training(epochs)


@dsl.component(base_image="python:3.12-slim")
def deploy():
    start_server()


@dsl.pipeline
def training(epochs: int = 10):
    trained = train(epochs=epochs)
"""
ZENML = """\
from zenml import pipeline, step


@step(enable_cache=False)
def train() -> float:
    return run_training()


@step(enable_cache=False)
def deploy({parameters}) -> None:
{body}

@pipeline
def training() -> None:
    score = train()
{call}
"""
RULE = Rule(
    id="MLP801",
    title="condition that is decided before the pipeline runs",
    severity=Severity.ERROR,
    sdks=(*ANY_KFP, Sdk.ZENML),
    what="""
    Reports a Python condition in a pipeline function on a value that only a run has: `if`, `while`,
    `assert`, `and`, `or`, `not`, `a if b else c`, `a < b < c`. Such values are the parameters of a
    pipeline of KFP, the items of `dsl.ParallelFor`, and outputs of tasks and steps; in ZenML the
    parameters are real values. A single comparison in `dsl.If` is right. What fails when the
    pipeline is compiled, dynamic pipelines of ZenML, and names that may be something else are not
    reported.
    """,
    why="""
    The pipeline function runs before the values exist. A placeholder stands for each, and Python
    takes it for true, or for equal or unequal to everything: the same branch is taken in every run,
    and `and` in `dsl.If` leaves only its last comparison. There is no error.
    """,
    sources=(
        "kfp 2.17.0, dsl/pipeline_channel.py: comparisons return a `ConditionOperation`, which has "
        "no `__bool__`; compiled there: `n == 1 and m == 2` becomes `m == 2`, `m is None` is False",
        "kubeflow/pipelines issues 5404 (`and`, `or` and KFP v1), 482 and 8203 (`is not None`)",
        "zenml 0.98.0, steps/entrypoint_function_utils.py, `StepArtifact`: neither `__bool__` nor "
        "`__eq__`; run there",
        "the documentation of ZenML, dynamic pipelines: for conditions on results",
    ),
    examples=(
        Example(
            bad=f"{HEAD}    if trained.output > 0.9:\n        deploy()\n",
            good=f"{HEAD}    with dsl.If(trained.output > 0.9):\n        deploy()\n",
        ),
        Example(
            bad=f"{HEAD}    with dsl.If(epochs > 5 and trained.output > 0.9):\n        deploy()\n",
            good=f"{HEAD}    with dsl.If(epochs > 5):\n        with dsl.If(trained.output > 0.9):\n"
            "            deploy()\n",
        ),
        Example(
            bad=ZENML.format(
                parameters="", body="    start_server()\n", call="    if score:\n        deploy()"
            ),
            good=ZENML.format(
                parameters="score: float",
                body="    if score:\n        start_server()\n",
                call="    deploy(score)",
            ),
        ),
    ),
    advice="""
    In KFP, use `with dsl.If(...)` with one comparison, one inside the other for `and`, or decide in
    a component. In ZenML, decide in a step, or in a pipeline with `dynamic=True` on `.load()`.
    """,
)


def check(module: Module) -> Iterator[Finding]:
    """Find the conditions in the pipelines of a module whose outcome is fixed."""
    if not list_pipelines(module):
        return
    seen: set[ast.AST] = set()
    for node, is_tested in list_conditions(module):
        pipeline = None if node in seen else find_pipeline(module, node)
        if pipeline is None:
            continue
        finder = Finder(module, pipeline, seen)
        found = finder.find(node, is_tested, MOST_STEPS)
        if found:
            value, outcome = found
            code = " ".join(module.get_text(value).split())[:60]
            message = f"`{code}` is always {outcome}: the pipeline has no values yet."
            yield RULE.report(module, value, message)


def list_conditions(module: Module) -> Iterator[tuple[ast.expr, bool]]:
    """Yield the expressions that Python takes for true or false, outer ones before their parts.

    With each goes whether it is tested itself; else only its parts are.
    """
    for branch in module.list_nodes(ast.If):
        yield branch.test, True
    for loop in module.list_nodes(ast.While):
        yield loop.test, True
    for choice in module.list_nodes(ast.IfExp):
        yield choice.test, True
    for claim in module.list_nodes(ast.Assert):
        yield claim.test, True
    for generator in module.list_nodes(ast.comprehension):
        yield from ((test, True) for test in generator.ifs)
    yield from ((node, False) for node in module.list_nodes(ast.BoolOp, ast.Compare))
    for operation in module.list_nodes(ast.UnaryOp):
        # `dsl.If(not x)` fails when it is compiled.
        parent = module.get_parent(operation)
        is_argument = isinstance(parent, ast.Call) and module.resolve(parent.func) in CONDITIONS
        if isinstance(operation.op, ast.Not) and not is_argument:
            yield operation, False
