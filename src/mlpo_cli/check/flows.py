"""The flows of Metaflow: their steps, and where each reads and sets `self.NAME`."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from mlpo_cli.check.module import FUNCTIONS, Module
from mlpo_cli.check.names import FunctionNode
from mlpo_cli.check.reach import list_bases

FLOWS = ("metaflow.FlowSpec", "metaflow.flowspec.FlowSpec")
STEPS = ("metaflow.step", "metaflow.decorators.step")
MOST_METHODS = 100  # that one method uses


@dataclass(frozen=True)
class Use:
    """One `self.NAME` in a method of a flow. `is_nested` if it stands in a function inside it."""

    node: ast.Attribute
    method: FunctionNode
    is_nested: bool

    @property
    def is_read(self) -> bool:
        """Whether the attribute is read there, and not set or deleted."""
        return isinstance(self.node.ctx, ast.Load)


@dataclass
class Flow:
    """A flow. `uses` has what its methods do with `self.NAME` by name, `bare` where `self` goes."""

    node: ast.ClassDef
    methods: dict[str, FunctionNode]
    steps: dict[str, FunctionNode]
    uses: dict[str, list[Use]] = field(default_factory=dict)
    bare: dict[FunctionNode, list[ast.Name]] = field(default_factory=dict)
    calls: dict[FunctionNode, set[FunctionNode]] = field(default_factory=dict)

    def list_reached(
        self, *methods: FunctionNode, most: int = MOST_METHODS
    ) -> set[FunctionNode] | None:
        """Return methods and the methods of the flow that they use; None for more than `most`."""
        reached, to_do = set(methods), list(methods)
        while to_do:
            for used in self.calls.get(to_do.pop(), ()):
                if used not in reached:
                    reached.add(used)
                    to_do.append(used)
            if len(reached) > most:
                return None
        return reached

    @cached_property
    def step_functions(self) -> frozenset[FunctionNode]:
        """The functions of the steps."""
        return frozenset(self.steps.values())

    @cached_property
    def setters(self) -> dict[str, Counter[FunctionNode]]:
        """How often each method sets or deletes an attribute, by its name."""
        setters: dict[str, Counter[FunctionNode]] = {}
        for name, uses in self.uses.items():
            setters[name] = Counter(use.method for use in uses if not use.is_read)
        return setters

    @cached_property
    def run(self) -> frozenset[FunctionNode]:
        """The steps, and the methods that they use."""
        return frozenset(self.list_reached(*self.steps.values(), most=sys.maxsize) or ())


def list_flows(module: Module) -> list[Flow]:
    """Return the flows that a module defines."""
    if "flows" not in module.memory:
        module.memory["flows"] = _list_flows(module)
    return module.memory["flows"]  # type: ignore[no-any-return]


def _list_flows(module: Module) -> list[Flow]:
    flows, owners = [], {}
    for node in module.list_nodes(ast.ClassDef):
        if any(name in FLOWS for name in list_bases(module, node)):
            flow = _make_flow(module, node)
            flows.append(flow)
            owners.update(dict.fromkeys(flow.methods.values(), flow))
    for method, flow in owners.items() if flows else ():
        _collect_uses(module, flow, method)
    return flows


def _make_flow(module: Module, node: ast.ClassDef) -> Flow:
    methods = {
        name: bindings[-1].value
        for name, bindings in module.names.scopes.get(node, {}).items()
        if isinstance(bindings[-1].value, FUNCTIONS)
    }
    steps = {
        name: method
        for name, method in methods.items()
        if any(full in STEPS for full, _, _ in module.list_decorators(method))
    }
    return Flow(node, methods, steps)


def _collect_uses(module: Module, flow: Flow, method: FunctionNode) -> None:
    first = [*method.args.posonlyargs, *method.args.args][:1]
    for argument in first:
        for name in module.names.list_reads(method, argument.arg):
            parent = module.get_parent(name)
            if not isinstance(parent, ast.Attribute):
                flow.bare.setdefault(method, []).append(name)
                continue
            is_nested = module.find_function(name) is not method
            use = Use(parent, method, is_nested)
            flow.uses.setdefault(parent.attr, []).append(use)
            if parent.attr in flow.methods and use.is_read:
                flow.calls.setdefault(method, set()).add(flow.methods[parent.attr])


def is_decorated_by_metaflow(module: Module, node: FunctionNode | ast.ClassDef) -> bool:
    """Whether all decorators are Metaflow's own: others can set attributes."""
    for decorator in node.decorator_list:
        name = module.resolve(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if not (name or "").startswith("metaflow."):
            return False
    return True


def find_set_value(module: Module, use: Use) -> ast.expr | None:
    """Return what `self.NAME = ...` gives to the attribute alone; None for anything else."""
    parent = module.get_parent(use.node)
    if isinstance(parent, ast.Assign) and use.node in parent.targets:
        return parent.value
    if isinstance(parent, ast.AnnAssign) and parent.target is use.node:
        return parent.value
    return None


def is_kept(module: Module, flow: Flow, use: Use) -> bool:
    """Whether what is set in a method is certainly there at the end of the task.

    It may be gone where the attribute is deleted or set again in the same method or in one that is
    no step, or where `self` itself goes to a function that could do that.
    """
    key = ("kept", use.method, use.node.attr)
    if key not in module.memory:
        module.memory[key] = _is_kept(module, flow, use.method, use.node.attr)
    return module.memory[key]  # type: ignore[no-any-return]


def _is_kept(module: Module, flow: Flow, method: FunctionNode, name: str) -> bool:
    setters, reached = flow.setters.get(name, Counter()), flow.list_reached(method)
    if setters[method] != 1 or reached is None:
        return False
    if len(setters) > MOST_METHODS or any(
        other is not method and other not in flow.step_functions for other in setters
    ):
        return False
    bare = [name for member in reached for name in flow.bare.get(member, ())]
    return len(bare) <= MOST_METHODS and all(_is_harmless(module, name) for name in bare)


HARMLESS = frozenset(
    f"builtins.{name}"
    for name in ("getattr", "hasattr", "id", "isinstance", "print", "repr", "str", "super", "type")
)


def _is_harmless(module: Module, name: ast.Name) -> bool:
    """Whether a function that gets `self` leaves its attributes as they are."""
    parent = module.get_parent(name)
    return isinstance(parent, ast.Call) and module.resolve(parent.func) in HARMLESS
