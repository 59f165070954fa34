"""MLP102: a function on `self` that a later step reads."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator

from mlpo_cli.check.flows import (
    Flow,
    Use,
    find_set_value,
    is_decorated_by_metaflow,
    list_flows,
)
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import FUNCTIONS, Module
from mlpo_cli.check.names import FunctionNode

RULE = Rule(
    id="MLP102",
    title="function on self that another step reads",
    severity=Severity.ERROR,
    sdks=(Sdk.METAFLOW,),
    what="""
    Reports a step that reads an attribute which other steps set and which is always a function: a
    lambda, a function of the module, or a method. A step that sets the attribute itself, also in a
    method that it calls, is not reported.
    """,
    why="""
    Metaflow stores no functions and does not say so. The step that sets it succeeds, and the one
    that reads it fails: "Flow has no attribute".
    """,
    sources=("metaflow 2.19.39, datastore/task_datastore.py, `TaskDataStore.persist`; run there",),
    examples=(
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, step


class TextFlow(FlowSpec):
    @step
    def start(self):
        self.encode = lambda text: text.lower().split()
        self.next(self.end)

    @step
    def end(self):
        print(self.encode("A text"))
""",
            good="""\
from metaflow import FlowSpec, step


def encode(text):
    return text.lower().split()


class TextFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        print(encode("A text"))
""",
        ),
    ),
    advice="""
    Make it a function of the module or a method of the flow: both are there in each step. Keep on
    `self` what it is made from.
    """,
)


MOST_STEPS = 100  # of a flow that is looked at


def check(module: Module) -> Iterator[Finding]:
    """Find the reads of attributes that are functions of an earlier step."""
    for flow in list_flows(module):
        if len(flow.steps) > MOST_STEPS:
            continue
        members = module.names.scopes.get(flow.node, {})
        decorated = (flow.node, *flow.steps.values())
        if not all(is_decorated_by_metaflow(module, node) for node in decorated):
            continue  # a decorator of somebody else can set attributes
        reached = list_reached(module, flow)
        for name, uses in flow.uses.items():
            if name not in members and is_function_always(module, uses):
                yield from list_failing(module, flow.setters[name], uses, reached)


def list_reached(module: Module, flow: Flow) -> list[set[FunctionNode]]:
    """Return the methods that each step uses, without the steps that pass `self` on."""
    reached = [flow.list_reached(step) for step in flow.steps.values()]
    bare = {method for method, names in flow.bare.items() if is_passed_on(module, names)}
    return [methods for methods in reached if methods is not None and methods.isdisjoint(bare)]


def is_passed_on(module: Module, names: list[ast.Name]) -> bool:
    """Whether `self` goes to a function that can set or ask for attributes, such as `setattr`."""
    calls = [module.get_parent(name) for name in names]
    return any(
        not isinstance(call, ast.Call)
        or module.resolve(call.func) not in ("builtins.print", "builtins.super")
        for call in calls
    )


def is_function_always(module: Module, uses: list[Use]) -> bool:
    """Whether an attribute is set, and only to functions."""
    setting = [use for use in uses if not use.is_read]
    return bool(setting) and all(
        is_function(module, find_set_value(module, use)) for use in setting
    )


def is_function(module: Module, node: ast.expr | None) -> bool:
    """Whether an expression is a function or a method that nothing wraps."""
    if isinstance(node, ast.Lambda):
        return True
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    if isinstance(node, ast.Name):
        found = module.names.look_up(node.id, node)
        if not found or len(found[1]) != 1:
            return False
        if isinstance(found[1][0].value, ast.Lambda):
            return True
    definition = module.find_definition(node)
    return bool(definition) and is_plain_function(definition.node)  # type: ignore[union-attr]


def is_plain_function(node: FunctionNode | ast.ClassDef) -> bool:
    """Whether a definition is a function without decorators."""
    return isinstance(node, FUNCTIONS) and not node.decorator_list


def list_failing(
    module: Module,
    setters: Container[FunctionNode],
    uses: list[Use],
    reached: list[set[FunctionNode]],
) -> Iterator[Finding]:
    """Report where steps read an attribute that no method they use sets, once in each method."""
    readers: dict[FunctionNode, Use] = {}
    for use in uses:
        if use.is_read and not use.is_nested:
            readers.setdefault(use.method, use)
    failing: set[FunctionNode] = set()
    for methods in reached if readers else ():
        if not any(method in setters for method in methods):
            failing |= methods & readers.keys()
    for method, use in readers.items():
        if method in failing and not is_guarded(module, use):
            name = use.node.attr
            message = f"`self.{name}` is a function, and no step gets a function from another."
            yield RULE.report(module, use.node, message)


def is_guarded(module: Module, use: Use) -> bool:
    """Whether the read is inside a `try`."""
    node: ast.AST | None = use.node
    while node is not None and node is not use.method:
        if isinstance(node, ast.Try):
            return True
        node = module.get_parent(node)
    return False
