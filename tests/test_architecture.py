"""Arrows point one way, and only `console` and `errors` print."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "mlpo_cli"
# What each part of mlpo may import, beside itself. `decision` is pure, nothing imports `commands`
# but the command line, and what comes later in this list imports nothing that comes before.
ARROWS: dict[str, set[str]] = {
    "__main__": {"cli", "errors"},
    "cli": {"__init__", "cli_options", "commands", "completion", "console", "errors", "options"},
    "cli_options": set(),
    "options": {"answers", "completion", "errors", "suggest"},
    "completion": {"answers", "scaffold"},
    "commands": {
        *("__init__", "answers", "check", "console", "decision", "errors", "files", "interview"),
        *("project", "reports", "resources", "rules", "scaffold", "suggest"),
    },
    "project": {"errors"},
    "interview": {"answers", "console", "decision", "reports"},
    "reports": {"__init__", "answers", "check", "decision", "errors", "scaffold"},
    "check": {"__init__", "errors", "staging", "suggest"},
    "scaffold": {"answers", "errors", "resources", "staging"},
    "answers": {"decision", "errors", "resources", "suggest", "yamlmap"},
    "rules": {"decision", "errors", "suggest", "yamlmap"},
    "decision": set(),
    "yamlmap": {"errors"},
    "files": {"errors", "staging"},
    "staging": {"errors"},
    "console": set(),
    "errors": {"__init__"},
    "resources": set(),
    "suggest": set(),
    "__init__": set(),
}
PRINTS = re.compile(r"print|(.*\.)?s?echo|sys\.std(out|err)\.write|os\.write")
PRINTERS = ("console", "errors")
MODULES = sorted(SRC.rglob("*.py"))


def part(module: str) -> str:
    """The part of mlpo that a dotted module is in."""
    words = module.split(".")
    return words[1] if len(words) > 1 else "__init__"


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules of mlpo that are imported: at the top, in functions, for types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("mlpo_cli"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "mlpo_cli":  # what is no module is a name in __init__.py
                names = [alias.name for alias in node.names]
                yield from (f"mlpo_cli.{name}" if name in ARROWS else "mlpo_cli" for name in names)
            elif node.module and node.module.startswith("mlpo_cli."):
                yield node.module


def printed(tree: ast.AST) -> list[str]:
    """The calls that print."""
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if PRINTS.fullmatch(call)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_a_module_imports_and_prints_only_what_its_part_may(path):
    here = path.relative_to(SRC).parts[0].removesuffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert {part(module) for module in imported(tree)} - {here} <= ARROWS[here]
    if here not in PRINTERS:
        assert printed(tree) == []


def test_the_arrows_make_no_circle_and_name_what_there_is():
    order = list(ARROWS)
    for here, others in ARROWS.items():
        assert all(order.index(other) > order.index(here) for other in others), here
    assert {path.relative_to(SRC).parts[0].removesuffix(".py") for path in MODULES} == set(ARROWS)
