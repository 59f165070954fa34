"""MLP206: a GPU for an image or for packages that cannot use it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlpo_cli.check.gpu import list_gpu_steps
from mlpo_cli.check.images import parse_image
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.spec import Spec

HEAD = """\
from zenml import step
from zenml.config import DockerSettings, ResourceSettings

"""
STEP = """\


@step(settings={"docker": docker, "resources": ResourceSettings(gpu_count=1)})
def train(rows: str) -> str:
    return run_training(rows)
"""
RULE = Rule(
    id="MLP206",
    title="GPU for an environment that is built for the CPU",
    severity=Severity.INFO,
    sdks=(Sdk.METAFLOW, Sdk.KFP_V2, Sdk.ZENML),
    what="""
    Reports a step that asks for a GPU and names an image or packages for the CPU: an image whose
    name or tag says `cpu`, `tensorflow/tensorflow` without `gpu` in its tag, PyTorch of the CPU
    index, `cpuonly`, `tensorflow-cpu`. An image without CUDA, such as `python:3.12-slim`, is not
    reported: the packages of PyTorch, TensorFlow and JAX can bring it.
    """,
    why="""
    The libraries there find no GPU and compute on the CPU, without an error. The GPU is paid for
    and waits.
    """,
    sources=(
        "torch 2.13.0+cpu: `torch.cuda.is_available()` is False and `torch.version.cuda` is None",
        "tensorflow/docs, install/docker.md: the image without `gpu` in its tag is for the CPU",
    ),
    examples=(
        Example(
            bad=f'{HEAD}docker = DockerSettings(parent_image="tensorflow/tensorflow:2.20.0")\n'
            + STEP,
            good=f'{HEAD}docker = DockerSettings(parent_image="tensorflow/tensorflow:2.20.0-gpu")\n'
            + STEP,
        ),
        Example(
            file="pipeline.yaml",
            bad="""\
deploymentSpec:
  executors:
    exec-train:
      container:
        image: us-docker.pkg.dev/vertex-ai/training/pytorch-cpu.2-4:20260110
        resources:
          accelerator:
            count: '1'
            type: nvidia.com/gpu
pipelineInfo:
  name: training
""",
            good="""\
deploymentSpec:
  executors:
    exec-train:
      container:
        image: us-docker.pkg.dev/vertex-ai/training/pytorch-gpu.2-4:20260110
        resources:
          accelerator:
            count: '1'
            type: nvidia.com/gpu
pipelineInfo:
  name: training
""",
        ),
    ),
    advice="Use the image or the packages for the GPU, or do not ask for one.",
)

WORDS = re.compile(r"[-_./:]")
PACKAGES_FOR_CPU = re.compile(
    r"^(?:torch|torchvision|torchaudio|jaxlib)\s*==\s*[\w.]+\+cpu\b|^cpuonly\b|^tensorflow-cpu\b"
    r"|^https://download\.pytorch\.org/whl/cpu\b",
    re.IGNORECASE,
)

BRINGS_CUDA = re.compile(r"(?:torch|tensorflow|jax)\b", re.IGNORECASE)


def check(module: Module) -> Iterator[Finding]:
    """Find the steps with a GPU whose environment is built for the CPU."""
    for step in list_gpu_steps(module):
        package = next((text for text in step.packages if PACKAGES_FOR_CPU.search(text)), "")
        brings_own = any(BRINGS_CUDA.match(text) for text in step.packages)
        image = "" if brings_own else describe(step.image)
        message = f"`{package}` has no support for GPUs." if package else image
        if message:
            yield RULE.report(module, step.request, f"The step asks for a GPU. {message}")


def check_spec(spec: Spec) -> Iterator[Finding]:
    """Find the executors of a compiled pipeline with a GPU and an image for the CPU."""
    for container in spec.containers.values():
        image = container.get("image")
        kind = container.get("resources", "accelerator", "type") or container.get(
            "resources", "accelerator", "resourceType"
        )
        is_gpu = kind is not None and any(word in kind.text.lower() for word in ("nvidia", "gpu"))
        message = describe(image.text) if image and is_gpu else ""
        if image and message:
            yield RULE.report(spec, image, f"The task asks for a GPU. {message}")


def describe(text: str) -> str:
    """Say why an image cannot use a GPU; empty if it is not known to be for the CPU."""
    image = parse_image(text)
    if image is None:
        return ""
    last = image.name.rpartition("/")[2]
    words = {*WORDS.split(last.lower()), *WORDS.split(image.tag.lower())}
    has_gpu = any("gpu" in word or "cuda" in word or word.startswith("cu1") for word in words)
    is_tensorflow = image.name.removeprefix("docker.io/") == "tensorflow/tensorflow"
    if not has_gpu and ("cpu" in words or (is_tensorflow and image.tag)):
        return f"The image `{text}` is built for the CPU."
    return ""
