"""MLP201 follows a task to all that is set on it, and is silent where it cannot."""

from __future__ import annotations

import pytest
from checking import PIPELINE, find


def list_reported(body: str, before: str = "") -> list[str]:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return [finding.rule for finding in find(before + PIPELINE + lines)]


@pytest.mark.parametrize(
    "body",
    [
        "train().set_accelerator_limit(1)",
        "t = train().set_accelerator_limit('2')\nt.set_retry(2)",
        "t = train()\nt.set_accelerator_limit(limit=1)",
        "t = train()\nif debug:\n    t.set_accelerator_limit(1).set_retry(1)\nother().after(t)",
        "t = train()\nt.set_accelerator_limit(1)\nkubernetes.use_secret(t)\nother(x=t.output)",
        "for i in range(2):\n    (\n        train()\n        .set_accelerator_limit(1)\n    )",
        "t = train()\nretry(t)\nt.set_accelerator_limit(1)",
        "t = train()\nretry(task=t)\nt.set_accelerator_limit(1)",
        "t = train()\nkubernetes.add_pod_label(task=t, label_key='a')\nt.set_accelerator_limit(1)",
    ],
)
def test_a_number_without_a_type_is_reported(body):
    before = "from kfp import kubernetes\ndef retry(task):\n    task.set_retry(3)\n"
    assert list_reported(body, before) == ["MLP201"]


@pytest.mark.parametrize(
    "body",
    [
        "train().set_accelerator_limit(0)",
        "train().set_accelerator_type('nvidia.com/gpu').set_accelerator_limit(1)",
        "t = train().set_accelerator_limit(1)\nt.set_retry(1).set_accelerator_type('x')",
        "t = train()\nt.set_accelerator_type('x')\nt.set_accelerator_limit(1)",
        # It is passed on, or has another name.
        "t = train()\nt.set_accelerator_limit(1)\nelsewhere(t)",
        "t = train()\nt.set_accelerator_limit(1)\nu = t",
        "t = train()\nt.set_accelerator_limit(1)\nfor x in [t]:\n    x.set_accelerator_type('x')",
        "tasks[0].set_accelerator_limit(1)",
        "return train().set_accelerator_limit(1)",
        "t = train()\nwith_gpu(t)\nt.set_accelerator_limit(1)",
        "t = train()\nwith_gpu(task=t)\nt.set_accelerator_limit(1)",
        "t = train()\nwith_gpu(other=t)\nt.set_accelerator_limit(1)",
        "t = train()\nwith_gpu(**t)\nt.set_accelerator_limit(1)",
        "t = train()\nwith_gpu(*t)\nt.set_accelerator_limit(1)",
        "t = PipelineTask(spec)\nt.set_accelerator_limit(1)",
        "pipeline_task.PipelineTask(spec).set_accelerator_limit(1)",
        "t = train()\nt(1)\nt.set_accelerator_limit(1)",
    ],
)
def test_a_task_with_a_type_or_with_an_unknown_one_is_not_reported(body):
    before = "def with_gpu(task):\n    task.set_accelerator_type('x')\n"
    assert "MLP201" not in list_reported(body, before)


def test_what_sets_it_on_a_parameter_is_not_reported():
    text = (
        PIPELINE
        + "    with_gpu(train())\n\ndef with_gpu(task):\n    task.set_accelerator_limit(1)\n"
    )
    assert find(text) == []


def test_the_first_generation_of_the_sdk_needs_no_type():
    text = "from kfp import dsl\ndsl.ContainerOp(name='a', image='b:1').set_gpu_limit(1)\n"
    assert "MLP201" not in {finding.rule for finding in find(text)}
