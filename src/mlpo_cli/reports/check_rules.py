"""Rules of `mlpo check`: the page about one, which is also in the documentation, and the list."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from mlpo_cli.check.model import Example, Rule, Sdk
from mlpo_cli.reports import jsondoc
from mlpo_cli.reports.terminal import WIDTH

_LANGUAGES = {".py": "python", ".yaml": "yaml"}


def render_page(rule: Rule) -> str:
    """The page about a rule, in Markdown."""
    parts = [
        f"# {rule.id}: {rule.title}",
        _wrap(f"{rule.severity.label.capitalize()}, for {name_sdks(rule)}. {_describe_fix(rule)}"),
        "## What it does",
        _wrap(rule.what),
        "## Why is this bad",
        _wrap(rule.why),
        *(["Sources:", _list(rule.sources)] if rule.sources else []),
        *(part for example in rule.examples for part in _list_example(example)),
        "## What to do",
        _wrap(rule.advice),
        *(["## Fix safety", _wrap(rule.fix)] if rule.fix else []),
    ]
    return "\n\n".join(parts) + "\n"


def _describe_fix(rule: Rule) -> str:
    return "`mlpo check --fix` fixes it, wholly or in part." if rule.fix else "Nothing is fixed."


def name_sdks(rule: Rule) -> str:
    """The SDKs that a rule is for; all generations of KFP have one name."""
    names = [sdk.value for sdk in rule.sdks]
    if Sdk.KFP_V1 in rule.sdks and Sdk.KFP_V2 in rule.sdks:
        names = list(dict.fromkeys("KFP" if name.startswith("KFP") else name for name in names))
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _list_example(example: Example) -> Iterable[str]:
    language = _LANGUAGES[PurePath(example.file).suffix]
    yield f"## Example: `{example.file}`"
    yield f"```{language}\n{example.bad.strip()}\n```"
    yield "Use instead:"
    yield f"```{language}\n{example.good.strip()}\n```"


def _wrap(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False)


def _list(items: Iterable[str]) -> str:
    return "\n".join(
        textwrap.fill(f"- {item}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        for item in items
    )


def make_document(rule: Rule) -> dict[str, Any]:
    """A rule for scripts."""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.label,
        "sdks": [sdk.value for sdk in rule.sdks],
        "what": " ".join(rule.what.split()),
        "why": " ".join(rule.why.split()),
        "sources": list(rule.sources),
        "advice": " ".join(rule.advice.split()),
        "fix": " ".join(rule.fix.split()),
        "examples": [{"file": e.file, "bad": e.bad, "good": e.good} for e in rule.examples],
    }


def _render_list(rules: Sequence[Rule]) -> str:
    lines = [f"{rule.id}  {rule.severity.label:<7}  {rule.title}" for rule in rules]
    return "\n".join(lines) + "\n"


def _render_json_list(rules: Sequence[Rule]) -> str:
    documents = [make_document(rule) for rule in rules]
    return jsondoc.dumps({"schema_version": jsondoc.SCHEMA_VERSION, "rules": documents})


EXPLAINERS: Mapping[str, Callable[[Rule], str]] = {
    "text": render_page,
    "json": lambda rule: jsondoc.dumps(
        {"schema_version": jsondoc.SCHEMA_VERSION, "rule": make_document(rule)}
    ),
}
LISTERS: Mapping[str, Callable[[Sequence[Rule]], str]] = {
    "text": _render_list,
    "json": _render_json_list,
}
