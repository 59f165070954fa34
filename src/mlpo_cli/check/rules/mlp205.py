"""MLP205: a Python component on an image without Python."""

from __future__ import annotations

from collections.abc import Iterator

from mlpo_cli.check.images import list_images, parse_image
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.spec import Spec

RULE = Rule(
    id="MLP205",
    title="Python component on an image without Python",
    severity=Severity.WARNING,
    sdks=(Sdk.KFP_V2,),
    what="""
    Reports `@dsl.component` with a base image that is known to hold no Python: `nvidia/cuda`,
    `ubuntu`, `debian`, `alpine`, `busybox`. In compiled pipelines, the same for the image of a
    component that is a Python function.
    """,
    why="""
    The command that KFP compiles for such a component starts with `python3 -m pip`. On an image
    without Python the step fails when its pod starts.
    """,
    sources=(
        "kfp 2.17.0, kfp/dsl/component_factory.py: the compiled command",
        "hub.docker.com/r/nvidia/cuda: the images hold CUDA's libraries",
    ),
    examples=(
        Example(
            bad="""\
from kfp import dsl


@dsl.component(base_image="nvidia/cuda:12.2.0-runtime-ubuntu22.04")
def train(epochs: int) -> float:
    return run_training(epochs)
""",
            good="""\
from kfp import dsl


@dsl.component(base_image="pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime")
def train(epochs: int) -> float:
    return run_training(epochs)
""",
        ),
        Example(
            file="pipeline.yaml",
            bad="""\
deploymentSpec:
  executors:
    exec-train:
      container:
        command: [sh, -c, 'python3 -m kfp.dsl.executor_main "$@"']
        image: nvidia/cuda:12.2.0-runtime-ubuntu22.04
pipelineInfo:
  name: training
""",
            good="""\
deploymentSpec:
  executors:
    exec-train:
      container:
        command: [sh, -c, 'python3 -m kfp.dsl.executor_main "$@"']
        image: pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime
pipelineInfo:
  name: training
""",
        ),
    ),
    advice="""
    Use an image with Python and CUDA, such as `pytorch/pytorch`, or build one of your own on this
    image.
    """,
)

WITHOUT_PYTHON = frozenset({
    "nvidia/cuda", "nvcr.io/nvidia/cuda", "ubuntu", "debian", "alpine", "busybox",
})  # fmt: skip
EXECUTOR = "executor_main"  # of KFP, which runs a Python function


def check(module: Module) -> Iterator[Finding]:
    """Find the components of a module whose base image has no Python."""
    for node, text, user in list_images(module):
        if user == "kfp.dsl.component" and has_no_python(text):
            yield RULE.report(module, node, f"The image `{text}` holds no Python.")


def check_spec(spec: Spec) -> Iterator[Finding]:
    """Find the Python components of a compiled pipeline whose image has no Python."""
    for container in spec.containers.values():
        image, command = container.get("image"), container.get("command")
        runs_python = command and any(EXECUTOR in part.text for part in command)
        if image and runs_python and has_no_python(image.text):
            yield RULE.report(spec, image, f"The image `{image.text}` holds no Python.")


def has_no_python(text: str) -> bool:
    """Whether the image of this name is known to hold no Python."""
    image = parse_image(text)
    name = image.name.removeprefix("docker.io/").removeprefix("library/") if image else ""
    return name in WITHOUT_PYTHON
