"""MLP601: plain text in a card."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.edits import add_import
from mlpo_cli.check.model import Edit, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.values import find_text

RULE = Rule(
    id="MLP601",
    title="plain text in a card",
    severity=Severity.ERROR,
    sdks=(Sdk.METAFLOW,),
    what="Reports a text that is appended to `current.card` without a component around it.",
    why="""
    A card holds components. Metaflow drops anything else, with a warning in the log of the task,
    and the card stays empty.
    """,
    sources=("metaflow 2.19.39, plugins/cards/component_serializer.py; run there",),
    examples=(
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, card, current, step


class TrainFlow(FlowSpec):
    @card(type="blank")
    @step
    def start(self):
        for epoch in range(10):
            current.card.append(f"Epoch {epoch}: loss {train(epoch):.4f}")
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            good="""\
from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown


class TrainFlow(FlowSpec):
    @card(type="blank")
    @step
    def start(self):
        for epoch in range(10):
            current.card.append(Markdown(f"Epoch {epoch}: loss {train(epoch):.4f}"))
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            is_fixed=True,
        ),
    ),
    advice='Put a component around it: `current.card.append(Markdown("..."))`.',
    fix="""
    Puts `Markdown(...)` around the text and imports it. Safe: nothing but the card changes.
    """,
)

CARD = "metaflow.current.card"
MARKDOWN = "metaflow.cards.Markdown"


def check(module: Module) -> Iterator[Finding]:
    """Find the texts that a module appends to a card."""
    for call, attribute in module.list_method_calls("append", "extend"):
        card = (
            attribute.value.value if isinstance(attribute.value, ast.Subscript) else attribute.value
        )
        if not call.args or module.resolve(card) != CARD:
            continue
        added = call.args[0]
        parts = [added]
        if attribute.attr == "extend":
            parts = added.elts if isinstance(added, (ast.List, ast.Tuple)) else []
        for part in parts:
            if is_text(module, part):
                message = "A card has no place for plain text: Metaflow drops it."
                edits = wrap(module, part)
                yield RULE.report(module, part, message, edits=edits, is_safe=True)


def is_text(module: Module, node: ast.expr) -> bool:
    """Whether an expression is a text, whatever it says."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return is_text(module, node.left)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
            return isinstance(node.func.value, ast.Constant)
        return module.resolve(node.func) in ("builtins.str", "builtins.repr")
    return find_text(module, node) is not None


def wrap(module: Module, node: ast.expr) -> list[Edit]:
    """Return the edits that put a component around a text."""
    start, end = module.span(node)
    name, edits = add_import(module, MARKDOWN)
    return [Edit(start, start, f"{name}("), Edit(end, end, ")"), *edits]
