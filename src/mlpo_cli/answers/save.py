"""Answers as a document: what `--save-answers` writes, and what `mlpo` reads back unchanged."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from mlpo_cli.answers.fields import SCHEMA_VERSION
from mlpo_cli.answers.several import write_answer
from mlpo_cli.answers.validate import Answered
from mlpo_cli.decision.model import Rules


def as_yaml(answered: Answered, rules: Rules) -> str:
    """The document as YAML, each criterion with its question; null is not sure."""
    lines = [
        "# Answers for mlpo; null is not sure. `mlpo recommend --answers THIS-FILE` reads them.",
        f"schema_version: {SCHEMA_VERSION}",
        "criteria:",
    ]
    for criterion in rules.criteria:
        lines += [f"  # {criterion.question}"]
        if criterion.choices:
            several = ", or a list of several" if criterion.several else ""
            lines += [f"  # {' | '.join(criterion.choices)}{several}"]
        lines += [f"  {criterion.id}: {_scalar(answered.criteria.get(criterion.id))}"]
    if answered.project:
        lines += ["project:"] + [f"  {k}: {_scalar(v)}" for k, v in answered.project.items()]
    if answered.weights:
        lines += ["overrides:", "  weights:"]
        lines += [f"    {id}: {_scalar(weight)}" for id, weight in answered.weights.items()]
    return "\n".join(lines) + "\n"


def as_json(answered: Answered, rules: Rules) -> str:
    """The same document as JSON."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "criteria": {c.id: answered.criteria.get(c.id) for c in rules.criteria},
    }
    if answered.project:
        document["project"] = answered.project
    if answered.weights:
        document["overrides"] = {"weights": answered.weights}
    return json.dumps(document, indent=2) + "\n"


def replay(
    command: str, answered: Answered, options: Mapping[str, str | None] | None = None
) -> str:
    """The command line that gives the same answers without a question.

    `options` are further options of the command, without a value where that is None.
    """
    words = ["mlpo", command, "--no-input"]
    if not answered.criteria:
        words.append("--defaults")
    for option, value in (options or {}).items():
        words += [option] if value is None else [option, value]
    given: dict[str, object] = {
        **answered.criteria,
        **{f"project.{key}": value for key, value in answered.project.items()},
        **{f"overrides.weights.{id}": weight for id, weight in answered.weights.items()},
    }
    for name, said in given.items():
        words += ["--set", f"{name}={','.join(said) if isinstance(said, tuple) else said}"]
    return shlex.join(words)


def _scalar(value: object) -> str:
    """A value that YAML reads as it is: words stay bare where they cannot be taken for another."""
    if isinstance(value, str) and value.isidentifier() and value not in ("null", "true", "false"):
        return value
    return write_answer(value) if isinstance(value, tuple) else json.dumps(value)
