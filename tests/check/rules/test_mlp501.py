"""MLP501 reports a pipeline once, and only one that runs elsewhere and surely retries nothing."""

from __future__ import annotations

import pytest
from checking import PIPELINE, find

FLOW = """\
from metaflow import FlowSpec, {imports}, schedule, step
{before}@schedule(daily=True)
class F(FlowSpec):
    {decorator}
    @step
    def start(self):
        self.next(self.end)
    @kubernetes
    @step
    def end(self):
        pass
"""


START = "\nimport kfp\nkfp.Client().create_run_from_pipeline_func(pipeline)\n"


def list_reported(text: str) -> list[str]:
    return [f.message.split("`")[1] for f in find(text) if f.rule == "MLP501"]


def write_flow(decorator: str, imports: str = "kubernetes", before: str = "") -> str:
    return FLOW.format(decorator=decorator, imports=imports, before=before)


def test_a_flow_is_reported_once_however_many_steps_are_remote():
    assert list_reported(write_flow("@kubernetes(gpu=1)")) == ["F"]


@pytest.mark.parametrize(
    "text",
    [
        write_flow("@retry", "kubernetes, retry"),
        write_flow("@mine", before="from mine import mine\n"),
        write_flow("@mine", before="def mine(f): return f\n"),
        write_flow("@kubernetes", before="# run it --with retry\n"),
        write_flow("@kubernetes").replace("kubernetes", "resources"),
        write_flow("@kubernetes").replace("F(FlowSpec)", "F(Base)"),
        write_flow("@kubernetes", before="import mlpo_kit\n"),
        write_flow("@kubernetes").replace("@schedule(daily=True)\n", ""),
        write_flow("@kubernetes").replace("@schedule", "@mine\n@schedule"),
    ],
)
def test_a_flow_that_may_retry_or_runs_here_is_not_reported(text):
    assert list_reported(text) == []


def test_a_pipeline_is_reported_once():
    text = PIPELINE + "    a = train()\n    train().after(a)\n"
    assert list_reported(text + START) == ["pipeline"]
    vertex = (
        "from google.cloud import aiplatform\naiplatform.PipelineJob(template_path='a').submit()\n"
    )
    assert list_reported(text + vertex) == ["pipeline"]
    assert list_reported(text) == []


@pytest.mark.parametrize(
    "text",
    [
        PIPELINE + "    train().set_retry(1)\n",
        PIPELINE + "    configure(train())\n",
        PIPELINE + "    configure(train())\ndef configure(task):\n    pass\n",
        PIPELINE + "    loaded()\nloaded = load('a.yaml')\n",
        PIPELINE + "    pass\n",
        "from kfp import local\nlocal.init(local.SubprocessRunner())\n"
        + PIPELINE
        + "    train()\n",
    ],
)
def test_a_pipeline_that_may_retry_or_has_no_known_tasks_is_not_reported(text):
    assert list_reported(text + START) == []


def test_a_part_of_another_pipeline_is_not_reported():
    text = PIPELINE + "    train()\n@dsl.pipeline\ndef outer():\n    pipeline()\n    train()\n"
    assert list_reported(text + START) == []


@pytest.mark.parametrize(
    ("step", "names"),
    [
        ("@step(step_operator='k8s')", ["p"]),
        ("@step(step_operator=None)", []),
        ("@step", []),
        ("@step(step_operator='k8s', retry=x)", []),
    ],
)
def test_a_pipeline_of_zenml_is_reported_only_with_a_step_operator(step, names):
    text = (
        f"from zenml import pipeline, step\n{step}\ndef a(): pass\n@pipeline\ndef p():\n    a()\n"
    )
    assert list_reported(text) == names
    assert list_reported(text + "p.with_options(config_path='a.yaml')()\n") == []
