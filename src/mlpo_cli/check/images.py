"""The names of container images, and where pipelines name them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mlpo_cli.check.module import Module
from mlpo_cli.check.values import UNKNOWN, find_text, get_argument


@dataclass(frozen=True)
class Image:
    """The parts of `registry/name:tag@digest`. A part that is not there is empty."""

    name: str
    tag: str
    digest: str


def parse_image(text: str) -> Image | None:
    """Return the parts of an image's name; None if it is filled in elsewhere, or no name."""
    name, _, digest = text.strip().partition("@")
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    if not last or any(mark in last + tag for mark in (UNKNOWN, "{", "}", "$", "<", " ")):
        return None
    return Image(f"{folder}{slash}{last}", tag, digest)


# The calls that take an image: its keyword, and its position if it has one.
_CALLS: dict[str, tuple[str, int | None]] = {
    "kfp.dsl.component": ("base_image", None),
    "kfp.dsl.ContainerSpec": ("image", 0),
    "kfp.dsl.ContainerOp": ("image", 1),
    "kfp.v2.dsl.component": ("base_image", None),
    "kfp.components.create_component_from_func": ("base_image", 2),
    "kfp.components.func_to_container_op": ("base_image", 2),
    "metaflow.batch": ("image", None),
    "metaflow.kubernetes": ("image", None),
    "zenml.config.DockerSettings": ("parent_image", None),
    "zenml.config.docker_settings.DockerSettings": ("parent_image", None),
}


def list_images(module: Module) -> Iterator[tuple[ast.expr, str, str]]:
    """Yield each image that a module names: the node, the text, the full name of what takes it."""
    for call, name in module.list_calls(*_CALLS):
        keyword, position = _CALLS[name]
        node = get_argument(call, keyword, position)
        text = find_text(module, node)
        if node is not None and text:
            yield node, text, name
    for call, _ in module.list_method_calls("set_container_image"):
        node = get_argument(call, "name", 0)
        text = find_text(module, node)
        if node is not None and text:
            yield node, text, "kfp.dsl.PipelineTask.set_container_image"
