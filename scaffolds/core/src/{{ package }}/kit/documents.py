"""YAML documents of settings: read, merged, changed. Managed by mlpo."""

from __future__ import annotations

from typing import Any

import yaml

from .errors import PipelineError

Document = dict[str, Any]


def read_yaml(text: str) -> Document:
    """A file of configs/; raises PipelineError where it is not `name: value` lines."""
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise PipelineError(f"a file in configs/ is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise PipelineError("a file in configs/ must hold `name: value` lines")
    return document


def merge(base: Document, top: Document) -> Document:
    """Lay one document over another, section by section."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = merge(below, value)
        merged[key] = value
    return merged


def change(document: Document, assignment: str) -> Document:
    """The document with one value set, as by `train.epochs=5`; raises PipelineError."""
    place, equals, text = assignment.partition("=")
    if not equals:
        raise PipelineError(f"{assignment!r} is not of the form section.name=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PipelineError(f"{assignment!r} is not valid YAML after the =: {error}") from None
    for name in reversed(place.split(".")):
        value = {name: value}
    return merge(document, value)
