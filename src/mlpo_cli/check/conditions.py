"""What Python makes of a condition in a pipeline function, before the pipeline has values.

The placeholders of KFP (2.17.0) give an object for `==` and `<`, which counts as true, and so does
a placeholder itself. Those of ZenML (0.98.0) are equal to nothing, and fail for `<`.
"""

from __future__ import annotations

import ast

from mlpo_cli.check.module import Module
from mlpo_cli.check.pipelines import Pipeline, is_placeholder, is_task
from mlpo_cli.check.values import find_assigned

OPERATORS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
CONDITIONS = frozenset(
    f"kfp.{module}.{name}" for module in ("dsl", "v2.dsl") for name in ("If", "Elif", "Condition")
)
MOST_STEPS = 20  # from a condition into its parts


class Finder:
    """Finds the first part of a condition whose outcome is fixed. Notes in `seen` what it read."""

    def __init__(self, module: Module, pipeline: Pipeline, seen: set[ast.AST]) -> None:
        self.module, self.pipeline, self.seen = module, pipeline, seen

    def find(self, node: ast.expr, is_tested: bool, steps: int) -> tuple[ast.expr, str] | None:
        """Return the part and its outcome, `true` or `false`."""
        self.seen.add(node)
        if steps <= 0:
            return None
        if isinstance(node, ast.BoolOp):
            last = node.values[-1]
            parts = (self.find(v, is_tested or v is not last, steps - 1) for v in node.values)
            return next((found for found in parts if found), None)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.find(node.operand, True, steps - 1)
        if isinstance(node, ast.NamedExpr):
            return self.find(node.value, is_tested, steps - 1)
        if isinstance(node, ast.Compare) and (is_tested or len(node.ops) > 1):
            # Of `a < b < c` all but the last comparison is tested.
            count = len(node.ops) if is_tested else len(node.ops) - 1
            operands = [node.left, *node.comparators]
            outcomes = (
                self.compare(node.ops[i], operands[i], operands[i + 1]) for i in range(count)
            )
            outcome = next((outcome for outcome in outcomes if outcome), None)
            return (node, outcome) if outcome else None
        if not is_tested:
            return None
        is_group = isinstance(node, ast.Call) and self.module.resolve(node.func) in CONDITIONS
        if is_group or self.is_placeholder(node) or is_task(self.module, node, self.pipeline):
            return node, "true"
        found = find_assigned(self.module, node)
        if found and found[0] is self.module and isinstance(found[1], (ast.Compare, ast.UnaryOp)):
            outcome_of_value = self.find(found[1], True, steps - 1)
            return (node, outcome_of_value[1]) if outcome_of_value else None
        return None

    def is_placeholder(self, node: ast.expr) -> bool:
        """Whether an expression stands for a value that only a run has."""
        return is_placeholder(self.module, node, self.pipeline)

    def compare(self, operator: ast.cmpop, left: ast.expr, right: ast.expr) -> str | None:
        """Return what a comparison always gives; None if that depends, or if it fails."""
        is_negative = isinstance(operator, (ast.NotEq, ast.IsNot, ast.NotIn))
        is_left = self.is_placeholder(left)
        if isinstance(operator, (ast.In, ast.NotIn)):
            found = find_assigned(self.module, right)
            many = found[1] if found else right
            if not is_left or not isinstance(many, (ast.Tuple, ast.List)) or not many.elts:
                return None
            return _say(is_negative == self.pipeline.is_zenml)
        if isinstance(operator, (ast.Is, ast.IsNot)):
            return _say(is_negative) if is_left and isinstance(right, ast.Constant) else None
        if is_left or self.is_placeholder(right):
            if not self.pipeline.is_zenml:
                return "true" if isinstance(operator, OPERATORS) else None
            return _say(is_negative) if isinstance(operator, (ast.Eq, ast.NotEq)) else None
        return None


def _say(is_true: bool) -> str:
    return "true" if is_true else "false"
