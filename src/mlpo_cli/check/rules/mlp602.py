"""MLP602: a metric whose value stands in the code."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from mlpo_cli.check.model import EVERY_SDK, Example, Finding, Rule, Severity
from mlpo_cli.check.module import Module, get_last_name
from mlpo_cli.check.values import find_constant, get_argument

RULE = Rule(
    id="MLP602",
    title="metric whose value stands in the code",
    severity=Severity.WARNING,
    sdks=EVERY_SDK,
    what="""
    Reports a number that is recorded as a metric of a model, such as an accuracy or a loss, and
    that is written in the code: in the metadata of an artifact, in `log_metric`, `log_metrics` and
    `log_metadata`. 0, 1 and -1 are not reported: they are often what a run starts with.
    """,
    why="""
    It says nothing about the model, but it looks measured. A gate that reads it lets every model
    pass.
    """,
    sources=(),
    examples=(
        Example(
            bad="""\
from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output


@dsl.component(base_image="python:3.12-slim")
def train(dataset: Input[Dataset], model: Output[Model]):
    fit(dataset.path).save(model.path)
    model.metadata["accuracy"] = 0.92
""",
            good="""\
from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output


@dsl.component(base_image="python:3.12-slim")
def train(dataset: Input[Dataset], model: Output[Model]):
    fitted = fit(dataset.path)
    fitted.save(model.path)
    model.metadata["accuracy"] = fitted.score(dataset.path)
""",
        ),
    ),
    advice="Record what was measured.",
)

METRIC = re.compile(
    r"(?:^|[_\W])(?:accuracy|acc|auc|auroc|f1|f_?score|precision|recall|loss|rmse|mae|mse|mape|r2|"
    r"score|perplexity|bleu|rouge|map|iou|error_rate)(?:$|[_\W\d])",
    re.IGNORECASE,
)
LOGGERS = (
    "log_metric",
    "log_metrics",
    "log_metadata",
    "log_model_metadata",
    "log_artifact_metadata",
)
STARTING_VALUES = (0, 1, -1)


def check(module: Module) -> Iterator[Finding]:
    """Find the metrics of a module whose value stands there."""
    for node in module.list_nodes(ast.Assign):
        for target in node.targets:
            key = get_metadata_key(module, target)
            if key is not None and (finding := report(module, key, node.value)):
                yield finding
    for call in module.list_nodes(ast.Call):
        if get_last_name(call.func) in LOGGERS:
            for key, value in list_logged(module, call):
                if finding := report(module, key, value):
                    yield finding


def get_metadata_key(module: Module, target: ast.expr) -> object:
    """Return the key of `artifact.metadata[key]`; None for anything else."""
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute):
        return find_constant(module, target.slice) if target.value.attr == "metadata" else None
    return None


def list_logged(module: Module, call: ast.Call) -> Iterator[tuple[object, ast.expr]]:
    """Yield the names and the values that a call records: two arguments, or dictionaries."""
    value = get_argument(call, "value", 1)
    if value is not None and get_last_name(call.func) == "log_metric":
        key = get_argument(call, "metric", 0) or get_argument(call, "key")
        yield find_constant(module, key or get_argument(call, "name")), value
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(argument, ast.Dict):
            for name, inner in zip(argument.keys, argument.values, strict=True):
                yield find_constant(module, name), inner


def report(module: Module, key: object, value: ast.expr) -> Finding | None:
    """Return the finding for a metric, if its name is one and its value is a number in the code."""
    number = find_constant(module, value)
    if not isinstance(number, (int, float)) or number in STARTING_VALUES:
        return None
    if not isinstance(key, str) or not METRIC.search(key):
        return None
    if isinstance(number, float) and not math.isfinite(number):
        return None
    message = f"The metric `{key}` is always {number}."
    return RULE.report(module, value, message)
