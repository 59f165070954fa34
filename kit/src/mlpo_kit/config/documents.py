"""Parse, merge and change YAML documents that hold settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from mlpo_kit.errors import PipelineError

Document = dict[str, Any]


def parse_yaml(text: str, name: str = "a file in configs/") -> Document:
    """Parse the text of a settings file.

    Messages refer to the file as `name`. Raises PipelineError unless the text is a YAML mapping in
    which no name stands twice.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        document = {} if node is None else loader.construct_document(node) or {}
    except yaml.YAMLError as error:
        problem, line = _describe_error(error)
        raise PipelineError(f"{locate(name, line)}: not valid YAML: {problem}") from None
    except ValueError as error:  # a date such as 2026-13-01
        raise PipelineError(f"{name}: not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise PipelineError(f"{name} must hold `name: value` lines")
    if problems := list(_find_repeated(node, name)):
        raise PipelineError("\n  ".join(problems), problems)
    return document


def locate(name: str, line: int | None) -> str:
    """Name a line of a file, as in `configs/base.yaml:3`, or the whole file without a line."""
    if line is None:
        return name
    return f"{name}:{line}" if name.endswith((".yaml", ".yml")) else f"{name}, line {line}"


def find_line(text: str, place: Sequence[str | int]) -> int | None:
    """Find the line of a place in a YAML text, counted from 1.

    For a missing name, returns the line of the mapping that should contain it; None for the top
    level.
    """
    node, line = yaml.compose(text, Loader=yaml.SafeLoader), None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            item = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if item is None:
                break
            line, node = item[0].start_mark.line + 1, item[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _find_repeated(node: Any, name: str) -> Iterator[str]:
    """Find the names that stand twice in one mapping: YAML would ignore the first."""
    children = []
    if isinstance(node, yaml.MappingNode):
        lines: dict[Any, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in lines:
                    where = f"{locate(name, line)}: {key.value} stands here again"
                    yield f"{where}, after line {lines[key.value]}: keep one of them"
                lines[key.value] = line
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    for child in children:
        yield from _find_repeated(child, name)


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
        problem, _ = _describe_error(error)
        raise PipelineError(f"{assignment!r} is not valid YAML after the =: {problem}") from None
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


def _describe_error(error: yaml.YAMLError) -> tuple[str, int | None]:
    """Describe a YAML error in one line; returns it and the number of its line, if known."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return problem, mark.line + 1 if mark else None
