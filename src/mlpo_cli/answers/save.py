"""Write answers down: as a document for `--save-answers`, or as a command line."""

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
    """Return the document as YAML, with the question above each answer; null is not sure."""
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
    """Return the same document as JSON."""
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
    """Return the command line that gives the same answers without asking.

    `options` are more options of the command; None is for those that take no value.
    """
    words = ["mlpo", command, "--no-input"]
    if not answered.criteria:
        words.append("--defaults")
    for option, argument in (options or {}).items():
        words += [option] if argument is None else [option, argument]
    values: dict[str, object] = {
        **answered.criteria,
        **{f"project.{key}": value for key, value in answered.project.items()},
        **{f"overrides.weights.{id}": weight for id, weight in answered.weights.items()},
    }
    for name, value in values.items():
        text = ",".join(value) if isinstance(value, tuple) else value
        words += ["--set", f"{name}={text}"]
    return shlex.join(words)


def _scalar(value: object) -> str:
    """Return a value as YAML, without quotes where it is still read as the same text."""
    if isinstance(value, str) and value.isidentifier() and value not in ("null", "true", "false"):
        return value
    return write_answer(value) if isinstance(value, tuple) else json.dumps(value)
