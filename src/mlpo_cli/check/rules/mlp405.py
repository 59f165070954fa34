"""MLP405: an image without a tag, or with the tag `latest`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlpo_cli.check.images import list_images, parse_image
from mlpo_cli.check.model import EVERY_SDK, Example, Finding, Rule, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.spec import Spec
from mlpo_cli.check.values import UNKNOWN

RULE = Rule(
    id="MLP405",
    title="image whose content can change under its name",
    severity=Severity.WARNING,
    sdks=EVERY_SDK,
    what="""
    Reports an image with the tag `latest`, with one of its kinds such as `latest-gpu`, or with no
    tag, which means `latest`: of a component, a container, a task, a step or Docker settings, and
    in compiled pipelines. An image whose tag is made elsewhere, for example of a variable, is not
    reported.
    """,
    why="""
    The name stays while the content changes: another run gets other code. KFP's cache compares the
    name, so that it returns the result of the old image for the new one.
    """,
    sources=("kubeflow/pipelines 2.17.0: the cache key has the image as a text, with the command",),
    examples=(
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, batch, step


class TrainFlow(FlowSpec):
    @batch(gpu=1, image="registry.example.com/train:latest")
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            good="""\
from metaflow import FlowSpec, batch, step


class TrainFlow(FlowSpec):
    @batch(gpu=1, image="registry.example.com/train:2026-11-02")
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
        ),
        Example(
            file="pipeline.yaml",
            bad="""\
deploymentSpec:
  executors:
    exec-train:
      container:
        image: registry.example.com/train
pipelineInfo:
  name: training
""",
            good="""\
deploymentSpec:
  executors:
    exec-train:
      container:
        image: registry.example.com/train@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978
pipelineInfo:
  name: training
""",
        ),
    ),
    advice="Name a version of the image: a tag that is never used again, or its digest.",
)

LATEST = re.compile(r"latest(?:-[a-z][a-z0-9]*)*|[a-z0-9]+-latest")  # not `latest-2026-11-02`
PLACEHOLDERS = ("argostub/",)  # which KFP's compiler puts where no image is used


def check(module: Module) -> Iterator[Finding]:
    """Find the images of a module without a fixed tag."""
    for node, text, _ in list_images(module):
        if message := describe(text):
            yield RULE.report(module, node, message)


def check_spec(spec: Spec) -> Iterator[Finding]:
    """Find the images of a compiled pipeline without a fixed tag."""
    for container in spec.containers.values():
        image = container.get("image")
        message = describe(image.text) if image else ""
        if image and message:
            yield RULE.report(spec, image, message)


def describe(text: str) -> str:
    """Say what is wrong with an image; empty if nothing is."""
    image = parse_image(text)
    if image is None or image.digest or text.startswith(PLACEHOLDERS):
        return ""
    shown = text.replace(UNKNOWN, "...")
    if not image.tag:
        return f"`{shown}` has no tag, so that it means `latest`."
    return f"`{shown}` is another image after each push." if LATEST.fullmatch(image.tag) else ""
