"""Find the rules: each is a file `rules/mlpNNN.py`. There is no list to edit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from mlpo_cli.check.model import Finding, Rule

_FILE = re.compile(r"mlp\d{3}")
Check = Callable[[Any], Iterator[Finding]]


@dataclass(frozen=True)
class LoadedRule:
    """A rule and its functions; None where it has nothing to say about that kind of file.

    `check` reads a Module, `check_spec` a compiled pipeline, `check_text` an Unparsed text.
    """

    rule: Rule
    check: Check | None
    check_spec: Check | None
    check_text: Check | None


@cache
def load_rules() -> tuple[LoadedRule, ...]:
    """Import all rules, in the order of their ids."""
    names = sorted(path.stem for path in (Path(__file__).parent / "rules").glob("mlp*.py"))
    modules = [import_module(f"mlpo_cli.check.rules.{n}") for n in names if _FILE.fullmatch(n)]
    return tuple(
        LoadedRule(
            module.RULE,
            getattr(module, "check", None),
            getattr(module, "check_spec", None),
            getattr(module, "check_text", None),
        )
        for module in modules
    )


def list_rules() -> list[Rule]:
    """Return what all rules are about, in the order of their ids."""
    return [loaded.rule for loaded in load_rules()]


def find_rule(id: str) -> Rule | None:
    """Return the rule with an id, in any case of letters."""
    return next((rule for rule in list_rules() if rule.id == id.upper()), None)


def matches(id: str, selectors: Iterable[str]) -> bool:
    """Whether one of the selectors is the id of a rule or the beginning of it, such as `MLP2`."""
    return any(id.startswith(selector.upper()) for selector in selectors)
