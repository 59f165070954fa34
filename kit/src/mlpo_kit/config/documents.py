"""YAML documents of settings: parsed, merged, changed."""

from __future__ import annotations

from typing import Any

import yaml

from mlpo_kit.errors import PipelineError

Document = dict[str, Any]


def parse_yaml(text: str, name: str = "a file in configs/") -> Document:
    """Parse a file of settings; raises PipelineError where it is not `name: value` lines.

    `name` is what messages call the file.
    """
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise PipelineError(f"{name} is not valid YAML: {_describe_error(error)}") from None
    if not isinstance(document, dict):
        raise PipelineError(f"{name} must hold `name: value` lines")
    return document


def merge(base: Document, top: Document) -> Document:
    """Lay one document over another, section by section."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        is_section = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = merge(merged[key], value) if is_section else value
    return merged


def set_value(document: Document, assignment: str, as_text: bool = False) -> Document:
    """Return the document with one value set, as by `train.epochs=5`; the value is YAML.

    With `as_text`, what YAML would take for a number, a date or true is the text that it is.
    Raises PipelineError where the assignment is of another form.
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


def _describe_error(error: yaml.YAMLError) -> str:
    """What is wrong, and in which line, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark else problem
