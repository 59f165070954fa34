"""The tasks of a Kubeflow pipeline, with all that is set on them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mlpo_cli.check.module import FUNCTIONS, Module
from mlpo_cli.check.names import FunctionNode

MOST_CALLS = 100  # in one chain
MOST_ARGUMENTS = 20
MOST_HELPERS = 3  # functions, each of which passes the task to the next


@dataclass
class Task:
    """The methods that are called on one task, by name: in a chain, on its name, in helpers.

    `is_complete` is false where the task also goes where it cannot be followed: more may be set on
    it there.
    """

    methods: dict[str, ast.Call] = field(default_factory=dict)
    is_complete: bool = True


def find_task(module: Module, call: ast.Call) -> Task:
    """Return the task that a call such as `train().set_gpu_limit(1)` sets something on."""
    task = Task()
    root, top = _read_chain(module, call, task)
    name = root if isinstance(root, ast.Name) else _find_target(module, top)
    if name is not None:
        _collect(module, name, task, MOST_HELPERS)
    elif not isinstance(root, ast.Call) or not isinstance(module.get_parent(top), ast.Expr):
        task.is_complete = False
    return task


def _read_chain(module: Module, call: ast.Call, task: Task) -> tuple[ast.expr, ast.expr]:
    """Add the methods of the chain that a call is in. Returns its first and its last part."""
    top: ast.expr = call
    for _ in range(MOST_CALLS):
        attribute = module.get_parent(top)
        outer = module.get_parent(attribute) if isinstance(attribute, ast.Attribute) else None
        if not isinstance(outer, ast.Call) or outer.func is not attribute:
            break
        top = outer
    node: ast.expr = top
    for _ in range(2 * MOST_CALLS):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            break
        if not isinstance(node.func.value, ast.Call) and not _is_task_method(node.func.attr):
            break  # `components.train()`, which makes the task
        task.methods.setdefault(node.func.attr, node)
        node = node.func.value
    return node, top


def _is_task_method(name: str) -> bool:
    return name.startswith(("set_", "add_")) or name in ("after", "ignore_upstream_failure")


def _find_target(module: Module, top: ast.expr) -> ast.Name | None:
    """Return the only name that a chain is assigned to."""
    parent = module.get_parent(top)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        target = parent.targets[0]
    elif isinstance(parent, ast.AnnAssign):
        target = parent.target
    else:
        return None
    return target if isinstance(target, ast.Name) else None


def _collect(module: Module, name: ast.Name, task: Task, steps: int) -> None:
    """Add what is set on a name, wherever its function does that."""
    found = module.names.look_up(name.id, name)
    if found is None or any(isinstance(binding.node, ast.arg) for binding in found[1]):
        task.is_complete = False  # who calls this function can set more
        return
    set_on_name = _read_name(module, found[0], name.id, steps)
    task.methods.update(set_on_name.methods)
    task.is_complete = task.is_complete and set_on_name.is_complete


def _read_name(module: Module, scope: ast.AST, name: str, steps: int) -> Task:
    """Return what is set on a name of a scope."""
    key = ("task", scope, name)
    if key not in module.memory:
        task = module.memory[key] = Task()
        for node in module.names.list_reads(scope, name):
            parent = module.get_parent(node)
            if isinstance(parent, ast.Attribute):
                _collect_chain(module, parent, task)
            elif not _pass_on(module, node, task, steps):
                task.is_complete = False
    return module.memory[key]  # type: ignore[no-any-return]


def _collect_chain(module: Module, attribute: ast.Attribute, task: Task) -> None:
    node: ast.AST | None = attribute
    for _ in range(MOST_CALLS):
        call = module.get_parent(node) if isinstance(node, ast.Attribute) else None
        if not isinstance(node, ast.Attribute) or not isinstance(call, ast.Call):
            return
        if call.func is not node:
            return
        task.methods.setdefault(node.attr, call)
        node = module.get_parent(call)


def _pass_on(module: Module, node: ast.Name, task: Task, steps: int) -> bool:
    """Add what a function sets on the task that is passed to it. False if it cannot be followed."""
    parent = module.get_parent(node)
    keyword = parent if isinstance(parent, ast.keyword) else None
    call = module.get_parent(keyword) if keyword else parent
    if not isinstance(call, ast.Call) or node is call.func:
        return False
    if isinstance(call.func, ast.Attribute) and call.func.attr == "after":
        return True
    if (module.resolve(call.func) or "").startswith("kfp.kubernetes."):
        return True  # none of these sets a resource
    definition = module.find_definition(call.func)
    if definition is None or not isinstance(definition.node, FUNCTIONS) or steps <= 0:
        return False
    if keyword:
        parameter = _find_parameter(definition.node, keyword.arg)
    else:
        parameter = _get_parameter(definition.node, call.args[:MOST_ARGUMENTS], node)
    if parameter is None:
        return False
    inner = _read_name(definition.module, definition.node, parameter, steps - 1)
    task.methods.update(inner.methods)
    return inner.is_complete


def _find_parameter(function: FunctionNode, name: str | None) -> str | None:
    parameters = [*function.args.args, *function.args.kwonlyargs]
    return name if any(parameter.arg == name for parameter in parameters) else None


def _get_parameter(function: FunctionNode, given: list[ast.expr], node: ast.Name) -> str | None:
    parameters = [*function.args.posonlyargs, *function.args.args]
    if node not in given[: len(parameters)]:
        return None
    return parameters[given.index(node)].arg


COMPONENT_DECORATORS = ("kfp.dsl.component", "kfp.v2.dsl.component")


def find_component_call(module: Module, function: FunctionNode) -> ast.Call | None:
    """Return the call `dsl.component(...)` that decorates a function."""
    for name, _, call in module.list_decorators(function):
        if name in COMPONENT_DECORATORS:
            return call
    return None
