"""MLP403: a cache key that stands in the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.values import find_constant, get_argument

RULE = Rule(
    id="MLP403",
    title="cache key that stands in the code",
    severity=Severity.WARNING,
    sdks=(Sdk.KFP_V2, Sdk.KFP),
    what="""
    Reports a text that is written as the `cache_key` of a task, or of a run that is submitted. A
    key that is made from something, or that has a name of its own, is not reported; neither is one
    beside `enable_caching=False`, which has no effect.
    """,
    why="""
    With a key of your own KFP compares nothing else: not the inputs, the image, nor the code. A
    task whose inputs or code are others returns the old result.
    """,
    sources=(
        "kubeflow/pipelines 2.17.0, backend/src/v2/driver/cache.go: with a custom key inputs, "
        "image, command and arguments are ignored",
        "run with kfp 2.17.0 and kfp.local: a changed input returned the old result",
    ),
    examples=(
        Example(
            bad="""\
from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="python:3.12-slim")
def ingest(version: str, dataset: Output[Dataset]):
    load(version).save(dataset.path)


@dsl.pipeline
def training(version: str):
    ingest(version=version).set_caching_options(True, cache_key="ingest")
""",
            good="""\
from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="python:3.12-slim")
def ingest(version: str, dataset: Output[Dataset]):
    load(version).save(dataset.path)


@dsl.pipeline
def training(version: str):
    ingest(version=version).set_caching_options(True)
""",
        ),
    ),
    advice="""
    Leave the key out. Where you need one, make it from all that the result depends on, such as the
    version of the data and a digest of the code.
    """,
)

# The methods that take a key, and the position of it and of what switches caching on.
METHODS: dict[str, tuple[int | None, int | None]] = {
    "set_caching_options": (1, 0),
    "run_pipeline": (None, None),
    "create_run_from_pipeline_func": (None, None),
    "create_run_from_pipeline_package": (None, None),
    "create_recurring_run": (None, None),
}


def check(module: Module) -> Iterator[Finding]:
    """Find the cache keys of a module that are written there."""
    for call, attribute in module.list_method_calls(*METHODS):
        position, of_switch = METHODS[attribute.attr]
        key = get_argument(call, "cache_key", position)
        if not isinstance(key, ast.Constant):  # a constant with a name can be a version
            continue
        is_on = find_constant(module, get_argument(call, "enable_caching", of_switch))
        if isinstance(key.value, str) and key.value and is_on is not False:
            message = f"The key is `{key.value}` whatever the task reads and does."
            yield RULE.report(module, key, message)
