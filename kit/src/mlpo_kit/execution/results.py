"""Turn a stage's result into references and values for its record, and back."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter

from mlpo_kit.runs.pipeline import Stage
from mlpo_kit.store import Ref

R = TypeVar("R")


def make_result(stage: Stage[R], outputs: dict[str, Ref], values: dict[str, Any]) -> R:
    """Build the dataclass that a stage returns from its recorded outputs and values."""
    return TypeAdapter(stage.result).validate_python({**values, **outputs})


def split_result(result: object) -> tuple[dict[str, Ref], dict[str, Any]]:
    """Split a stage's result into references and JSON values."""
    if not is_dataclass(result) or isinstance(result, type):
        raise TypeError(f"a stage must return a dataclass, not {type(result).__name__}")
    pairs = {item.name: getattr(result, item.name) for item in fields(result)}
    outputs = {name: value for name, value in pairs.items() if isinstance(value, Ref)}
    plain = asdict(result)
    return outputs, {name: plain[name] for name in pairs if name not in outputs}
