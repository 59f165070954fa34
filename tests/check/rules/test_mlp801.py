"""MLP801: which conditions in a pipeline are decided before it runs, and which are not."""

from __future__ import annotations

import pytest
from checking import find

KFP = """\
import os
from kfp import dsl
from kfp.dsl import pipeline as describe

@dsl.component(base_image="python:3.12-slim")
def train(x: int = 0) -> float:
    return 0.5

@dsl.container_component
def split(data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="python:3.12-slim")

IS_LARGE = os.environ.get("SIZE") == "large"

{decorator}
def run(x: int = 3, y: str = None):
    {lines}
"""
ZENML = """\
from typing import Tuple
from zenml import pipeline, step

@step(enable_cache=False)
def train() -> float:
    return 0.5

@step(enable_cache=False)
def split() -> Tuple[int, int]:
    return 1, 2

@step(enable_cache=False)
def clean() -> None:
    print("x")

{decorator}
def run(x: int = 3):
    score = train()
    a, b = split()
    {lines}
"""


def make(text: str, lines: str, decorator: str) -> str:
    return text.replace("{decorator}", decorator).replace("{lines}", lines.replace("\n", "\n    "))


def find_in_kfp(lines: str, decorator: str = "@dsl.pipeline") -> list[str]:
    findings = find(make(KFP, lines, decorator))
    return [finding.message for finding in findings if finding.rule == "MLP801"]


def find_in_zenml(lines: str, decorator: str = "@pipeline") -> list[str]:
    findings = find(make(ZENML, lines, decorator))
    return [finding.message for finding in findings if finding.rule == "MLP801"]


@pytest.mark.parametrize(
    ("lines", "code", "outcome"),
    [
        ("if x > 3: train()", "x > 3", "true"),
        ("if x: train()", "x", "true"),
        ("if 3 == x: train()", "3 == x", "true"),
        ("if IS_LARGE and x == 3: train()", "x == 3", "true"),
        ("while not x: train()", "x", "true"),
        ("assert x < 100", "x < 100", "true"),
        ("train(x=1 if x else 2)", "x", "true"),
        ("train(x=x or 3)", "x", "true"),
        ("[train() for _ in range(3) if x]", "x", "true"),
        ("if y is None: y = 'a'", "y is None", "false"),
        ("if y is not None: train()", "y is not None", "true"),
        ("y = y or 'a'", "y", "true"),
        ("if x in (1, 2): train()", "x in (1, 2)", "true"),
        ("if x not in [1, 2]: train()", "x not in [1, 2]", "false"),
        ("if 0 < x < 5: train()", "0 < x < 5", "true"),
        ("with dsl.If(x == 1 and y == 'a'): train()", "x == 1", "true"),
        ("with dsl.If(0 < x < 5): train()", "0 < x < 5", "true"),
        ("with dsl.If((x == 1) or IS_LARGE): train()", "x == 1", "true"),
        ("if dsl.If(x == 1): train()", "dsl.If(x == 1)", "true"),
        ("task = train()\nif task.output > 0.9: split()", "task.output > 0.9", "true"),
        ("task = train()\nscore = task.output\nif score: split()", "score", "true"),
        ("if train().set_retry(2).output > 1: split()", "train().set_retry(2).output > 1", "true"),
        ("data = split().outputs['data']\nif data: train()", "data", "true"),
        ("task = train()\nif task: split()", "task", "true"),
        ("is_good = x > 3\nif is_good: train()", "is_good", "true"),
        ("with dsl.ParallelFor([1]) as i:\n    if i == 1: train()", "i == 1", "true"),
        ("with dsl.ParallelFor([{}]) as i:\n    if i.a == 1: train()", "i.a == 1", "true"),
        ("def add():\n    if x: train()\nadd()", "x", "true"),
    ],
)
def test_a_condition_on_a_placeholder_of_kfp_is_reported(lines, code, outcome):
    message = f"`{code}` is always {outcome}: the pipeline has no values yet."
    assert find_in_kfp(lines) == [message]
    assert find_in_kfp(lines, "@describe(name='x')") == [message]


@pytest.mark.parametrize(
    "lines",
    [
        "with dsl.If(x > 3): train()",
        "is_good = x > 3\nwith dsl.If(is_good): train()",
        "with dsl.If(not x): train()",  # fails when it is compiled
        "with dsl.If(x is not None): train()",
        "if IS_LARGE: train()",
        "if isinstance(x, int): train()",
        "if 'a' in y: train()",  # fails too
        "if x in NUMBERS: train()",
        "if not IS_LARGE and os.environ['A'] == 'b': train()",
        "x = 3\nif x > 2: train()",  # a value by then
        "for x in (1, 2):\n    if x == 1: train()",
        "for i in (1, 2):\n    if x: train()\n    x = 1",
        "task = None\nif IS_LARGE: task = train()\nif task: split()",
        "parsed = parse()\nif parsed.output: train()",
        "def add(x):\n    if x: train()\nadd(True)",
        "parts = [train() for x in (1, 2) if x]",
        "train(x=x)",
        "if helper(x): train()",
    ],
)
def test_other_conditions_of_kfp_are_not(lines):
    assert find_in_kfp(lines) == []


@pytest.mark.parametrize(
    "decorator",
    ["@dsl.component(base_image='python:3.12-slim')", "@describe\n@traced", "@other.pipeline", ""],
)
def test_functions_that_get_real_values_are_not(decorator):
    assert find_in_kfp("if x > 3: print(x)", decorator) == []


def test_components_that_are_loaded_and_those_of_kfp_v1_make_tasks():
    text = """\
import kfp
from kfp import components, dsl

load = components.load_component_from_file("load.yaml")

@components.func_to_container_op
def count() -> int:
    return 3

def show():
    return dsl.ContainerOp(name="show", image="python:3.12-slim")

def other():
    return object()

@dsl.pipeline(name="x")
def run():
    number = count().output
    with dsl.Condition(number > 10 and number < 50):
        load()
    if load().output == 3:
        show()
    if show().outputs["x"]:
        show()
    if other().output:
        show()
"""
    lines = [finding.place.line for finding in find(text) if finding.rule == "MLP801"]
    assert lines == [19, 21, 23]


@pytest.mark.parametrize(
    ("lines", "code", "outcome"),
    [
        ("if score: clean()", "score", "true"),
        ("if not score: clean()", "score", "true"),
        ("if score == 1: clean()", "score == 1", "false"),
        ("if score != 1: clean()", "score != 1", "true"),
        ("if a is None: clean()", "a is None", "false"),
        ("if b in (1, 2): clean()", "b in (1, 2)", "false"),
        ("if b not in (1, 2): clean()", "b not in (1, 2)", "true"),
        ("if train(): clean()", "train()", "true"),
        ("if train.with_options(retry=r)(): clean()", "train.with_options(retry=r)()", "true"),
        ("y = score or 1", "score", "true"),
    ],
)
def test_a_condition_on_a_result_of_zenml_is_reported(lines, code, outcome):
    message = f"`{code}` is always {outcome}: the pipeline has no values yet."
    assert find_in_zenml(lines) == [message]


@pytest.mark.parametrize(
    "lines",
    [
        "if x > 3: clean()",  # parameters are real values
        "if x is None: clean()",
        "if score > 1: clean()",  # fails when it is compiled
        "if 0 < score < 1: clean()",
        "if clean(): print(1)",  # an empty list
        "score = 1\nif score: clean()",
        "if train.entrypoint(): clean()",
        "clean(after=[score])",
    ],
)
def test_other_conditions_of_zenml_are_not(lines):
    assert find_in_zenml(lines) == []


@pytest.mark.parametrize("decorator", ["@pipeline(dynamic=True)", "@pipeline(**options)", "@step"])
def test_dynamic_pipelines_of_zenml_are_not(decorator):
    assert find_in_zenml("if score: clean()", decorator) == []
    assert find_in_zenml("if score: clean()", "@pipeline(name='x')") != []
