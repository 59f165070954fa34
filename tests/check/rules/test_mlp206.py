"""MLP206: which images and packages are known to be for the CPU."""

from __future__ import annotations

import pytest
from checking import find

FLOW = """\
from metaflow import FlowSpec, batch, pypi, step

class TrainFlow(FlowSpec):
    @batch(gpu=1, image="{image}")
    @pypi(packages={packages})
    @step
    def start(self):
        pass
"""


def list_rules(image: str, packages: dict[str, str] | None = None) -> list[str]:
    return [f.rule for f in find(FLOW.format(image=image, packages=packages or {}))]


@pytest.mark.parametrize(
    "image",
    [
        "tensorflow/tensorflow:2.20.0",
        "docker.io/tensorflow/tensorflow:2.20.0-jupyter",
        "123.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312-ubuntu22.04-ec2",
        "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-14.py310:20250101",
    ],
)
def test_an_image_for_the_cpu_is_reported(image):
    assert list_rules(image) == ["MLP206"]


@pytest.mark.parametrize(
    "image",
    [
        "python:3.12-slim",
        "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime",
        "tensorflow/tensorflow:2.20.0-gpu",
        "example/tensorflow/tensorflow:2.20.0",
        "example/cpu-or-cuda:1",
        "example/train-cpu-gpu:1",
        "cpu/train:1",
        "example/train:{tag}",
    ],
)
def test_an_image_that_may_have_cuda_is_not(image):
    assert list_rules(image) == []


def test_an_image_for_the_cpu_to_which_packages_with_cuda_are_added_is_not():
    assert list_rules("tensorflow/tensorflow:2.20.0", {"torch": "2.9.1"}) == []


@pytest.mark.parametrize(
    ("packages", "count"),
    [
        ({"torch": "2.9.1+cpu"}, 1),
        ({"tensorflow-cpu": "2.20.0"}, 1),
        ({"torch": "2.9.1"}, 0),
        ({"faiss-cpu": "1.12.0"}, 0),
    ],
)
def test_packages_for_the_cpu_are_reported(packages, count):
    assert list_rules("python:3.12-slim", packages) == ["MLP206"] * count


KFP = """\
from kfp import dsl

@dsl.component(base_image="python:3.12-slim", pip_index_urls=["{index}"])
def train() -> float:
    return run()

@dsl.pipeline
def training():
    train().set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1){rest}
"""


@pytest.mark.parametrize(
    ("index", "rest", "count"),
    [
        ("https://download.pytorch.org/whl/cpu", "", 1),
        ("https://download.pytorch.org/whl/cu128", "", 0),
        ("https://pypi.org/simple", ".set_container_image('tensorflow/tensorflow:2.20.0')", 1),
        ("https://pypi.org/simple", ".set_container_image(image)", 0),
    ],
)
def test_the_index_and_the_image_of_a_task_are_read(index, rest, count):
    assert [f.rule for f in find(KFP.format(index=index, rest=rest))] == ["MLP206"] * count


@pytest.mark.parametrize("verb", ["with_options", "configure"])
@pytest.mark.parametrize(("count", "rules"), [(1, ["MLP206"]), (0, [])])
def test_the_settings_that_a_pipeline_of_zenml_gives_its_step_are_read(verb, count, rules):
    text = f"""\
from zenml import pipeline, step
from zenml.config import DockerSettings, ResourceSettings

DOCKER = DockerSettings(parent_image="tensorflow/tensorflow:2.20.0")

@step
def train(rows: str) -> str:
    return run_training(rows)

@pipeline(enable_cache=False)
def training():
    resources = ResourceSettings(gpu_count={count})
    train.{verb}(settings={{"docker": DOCKER, "resources": resources}})("")
"""
    assert [finding.rule for finding in find(text)] == rules
