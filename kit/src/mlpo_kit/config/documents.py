"""Parse, merge and change YAML documents that hold settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from mlpo_kit.errors import PipelineError

Document = dict[str, Any]


def parse_yaml(text: str, name: str = "a file in configs/") -> Document:
    """Parse the text of a settings file.

    Messages refer to the file as `name`. Raises PipelineError unless the text is a YAML mapping.
    """
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise PipelineError(f"{name} is not valid YAML: {_describe_error(error)}") from None
    if not isinstance(document, dict):
        raise PipelineError(f"{name} must hold `name: value` lines")
    return document


def merge(base: Document, top: Document) -> Document:
    """Return `base` overridden by `top`, section by section."""
    merged = dict(base)
    for key, value in top.items():
        base_value = merged.get(key)
        is_section = isinstance(base_value, dict) and isinstance(value, dict)
        merged[key] = merge(merged[key], value) if is_section else value
    return merged


def set_value(document: Document, assignment: str, as_text: bool = False) -> Document:
    """Return the document with one value set by an assignment such as `train.epochs=5`.

    The value is parsed as YAML; with `as_text`, scalars such as 5, 2024-01-31 and true stay text.
    Raises PipelineError if the assignment does not have this form.
    """
    place, equals, text = assignment.partition("=")
    if not equals or not all(place.split(".")):
        raise PipelineError(f"{assignment!r} is not of the form section.name=value")
    try:
        value = yaml.load(text, yaml.BaseLoader if as_text else yaml.SafeLoader)
    except yaml.YAMLError as error:
        words = _describe_error(error)
        raise PipelineError(f"{assignment!r} is not valid YAML after the =: {words}") from None
    for name in reversed(place.split(".")):
        value = {name: value}
    return merge(document, value)


def flatten(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """List nested values as pairs of dotted name, such as `train.model.width`, and value.

    `prefix` is the name of what the document holds, such as `train`.
    """
    for key, value in document.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, dict):
            yield from flatten(value, name)
        else:
            yield name, value


def _describe_error(error: yaml.YAMLError) -> str:
    """Describe a YAML error in one line, with its line number if known."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark else problem
