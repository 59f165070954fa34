"""The functions that describe a pipeline, and what in them only a run of it knows.

KFP calls such a function once, when it compiles, and ZenML before each run. The parameters of KFP
and the results of tasks and steps are placeholders then.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from mlpo_cli.check.kfp import COMPONENT_DECORATORS
from mlpo_cli.check.module import FUNCTIONS, Module
from mlpo_cli.check.names import Binding, FunctionNode
from mlpo_cli.check.values import find_assigned
from mlpo_cli.check.zenml import STEPS, list_returned

KFP_PIPELINES = frozenset({"kfp.dsl.pipeline", "kfp.v2.dsl.pipeline"})
ZENML_PIPELINES = frozenset({"zenml.pipeline", "zenml.pipelines.pipeline"})
LOADERS = frozenset(
    f"kfp.components.{name}"
    for name in (
        *("load_component", "load_component_from_file", "load_component_from_url"),
        *("load_component_from_text", "create_component_from_func", "func_to_container_op"),
    )
)
COMPONENTS = frozenset({
    *COMPONENT_DECORATORS, *KFP_PIPELINES, *LOADERS, "kfp.dsl.container_component",
    "kfp.dsl.notebook_component",
})  # fmt: skip
# What makes a task by itself.
TASKS = frozenset({
    *(f"kfp.dsl.{name}" for name in ("ContainerOp", "ResourceOp", "VolumeOp", "importer")),
    "kfp.v2.dsl.importer",
})  # fmt: skip
PACKAGE_OF_COMPONENTS = "google_cloud_pipeline_components."
LOOPS = frozenset({"kfp.dsl.ParallelFor", "kfp.v2.dsl.ParallelFor"})
MOST_STEPS = 20  # from an expression to what it is
MOST_BINDINGS = 10


@dataclass(frozen=True)
class Pipeline:
    """A function that describes a pipeline of KFP or of ZenML."""

    function: FunctionNode
    is_zenml: bool


def list_pipelines(module: Module) -> dict[ast.AST, Pipeline]:
    """Return the pipelines that a module defines, by their functions.

    Those that ZenML runs as they go (`dynamic=True`), and those with other decorators, which can
    call the function with anything, are left out.
    """
    if "pipelines" not in module.memory:
        found = (_make_pipeline(module, function) for function in module.functions)
        module.memory["pipelines"] = {p.function: p for p in found if p is not None}
    return module.memory["pipelines"]  # type: ignore[no-any-return]


def _make_pipeline(module: Module, function: FunctionNode) -> Pipeline | None:
    if len(function.decorator_list) != 1:
        return None
    for name, _, call in module.list_decorators(function):
        if name in KFP_PIPELINES:
            return Pipeline(function, is_zenml=False)
        keywords = {keyword.arg for keyword in call.keywords} if call else set()
        if name in ZENML_PIPELINES and keywords.isdisjoint({"dynamic", None}):
            return Pipeline(function, is_zenml=True)
    return None


def find_pipeline(module: Module, node: ast.AST) -> Pipeline | None:
    """Return the pipeline whose function a node is in, also in a function inside it."""
    pipelines = list_pipelines(module)
    function = module.find_function(node) if pipelines else None
    for _ in range(MOST_STEPS):
        if function is None or function in pipelines:
            break
        function = module.find_function(function)
    return pipelines.get(function) if function else None


def is_task(module: Module, node: ast.expr, pipeline: Pipeline) -> bool:
    """Whether an expression is certainly the call of a component or step, or a name for it."""
    for _ in range(MOST_STEPS):
        found = find_assigned(module, node)
        if found and found[0] is module:
            node = found[1]
        elif not pipeline.is_zenml and isinstance(node, ast.Call) and _is_set_on(node.func):
            node = node.func.value  # type: ignore[attr-defined]
        else:
            break
    return isinstance(node, ast.Call) and makes_tasks(module, node.func, pipeline)


def _is_set_on(function: ast.expr) -> bool:
    """Whether a method returns the task that it is called on, as `train().set_gpu_limit` does."""
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, (ast.Call, ast.Name))
        and function.attr.startswith(("set_", "add_", "after", "ignore_upstream_failure"))
    )


def makes_tasks(module: Module, function: ast.expr, pipeline: Pipeline) -> bool:
    """Whether what is called is certainly a component or step."""
    if pipeline.is_zenml:
        if isinstance(function, ast.Call) and isinstance(function.func, ast.Attribute):
            is_same = function.func.attr == "with_options"
            function = function.func.value if is_same else function
        return _is_decorated(module, function, frozenset(STEPS))
    name = module.resolve(function) or ""
    if name in TASKS or name.startswith(PACKAGE_OF_COMPONENTS):
        return True
    found = find_assigned(module, function)
    if found and isinstance(found[1], ast.Call):
        return found[0].resolve(found[1].func) in LOADERS
    return _is_decorated(module, function, COMPONENTS) or _returns_tasks(module, function)


def _returns_tasks(module: Module, function: ast.expr) -> bool:
    """Whether a function without decorators returns tasks of KFP v1, and nothing else."""
    definition = module.find_definition(function)
    if definition is None or not isinstance(definition.node, FUNCTIONS):
        return False
    returned = list_returned(definition.module, definition.node)
    calls = [value.func for value in returned if isinstance(value, ast.Call)]
    is_plain = bool(calls) and len(calls) == len(returned) and not definition.node.decorator_list
    return is_plain and all(definition.module.resolve(call) in TASKS for call in calls)


def _is_decorated(module: Module, function: ast.expr, names: frozenset[str]) -> bool:
    definition = module.find_definition(function)
    if definition is None or not isinstance(definition.node, FUNCTIONS):
        return False
    returns = definition.node.returns
    if isinstance(returns, ast.Constant) and returns.value is None and names == frozenset(STEPS):
        return False  # a call of it gives an empty list
    found = definition.module.list_decorators(definition.node)
    return any(name in names for name, _, _ in found)


def is_placeholder(module: Module, node: ast.expr, pipeline: Pipeline) -> bool:
    """Whether an expression in a pipeline certainly stands for a value that only a run has."""
    for _ in range(MOST_STEPS):
        found = find_assigned(module, node)
        if found is None or found[0] is not module:
            break
        node = found[1]
    if isinstance(node, ast.Name):
        return _is_bound_to_placeholder(module, node, pipeline)
    if pipeline.is_zenml:
        return is_task(module, node, pipeline)
    if isinstance(node, ast.Attribute) and node.attr == "output":
        return is_task(module, node.value, pipeline)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
        return node.value.attr == "outputs" and is_task(module, node.value.value, pipeline)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return _is_loop_item(module, node.value)
    return False


def _is_bound_to_placeholder(module: Module, name: ast.Name, pipeline: Pipeline) -> bool:
    found = module.names.look_up(name.id, name)
    if found is None or len(found[1]) > MOST_BINDINGS:
        return False
    scope, bindings = found
    if pipeline.is_zenml:
        target = bindings[0].node
        parent = module.get_parent(target)
        around = module.get_parent(parent) if isinstance(parent, ast.Tuple) else None
        is_part = isinstance(around, ast.Assign) and parent in around.targets
        return len(bindings) == 1 and is_part and is_task(module, around.value, pipeline)  # type: ignore[union-attr]
    if _is_loop_item(module, name):
        return True
    others = [binding for binding in bindings if not isinstance(binding.node, ast.arg)]
    if scope is not pipeline.function or len(bindings) != len(others) + 1:
        return False
    is_here = not others or module.names.find_scope(name) is scope
    return is_here and all(_is_set_after(module, binding, name) for binding in others)


def _is_loop_item(module: Module, name: ast.Name) -> bool:
    """Whether a name is what `with dsl.ParallelFor(...) as NAME` binds, and nothing else."""
    found = module.names.look_up(name.id, name)
    parent = module.get_parent(found[1][0].node) if found and len(found[1]) == 1 else None
    if not isinstance(parent, ast.withitem) or not isinstance(parent.context_expr, ast.Call):
        return False
    return module.resolve(parent.context_expr.func) in LOOPS


def _is_set_after(module: Module, binding: Binding, read: ast.Name) -> bool:
    """Whether a name gets another value only after it is read, as in `x = x or 1`."""
    statement = module.get_parent(binding.node)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return False
    node: ast.AST | None = statement
    while node is not None and not isinstance(node, FUNCTIONS):
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            return False
        node = module.get_parent(node)
    return module.span(read)[0] < module.span(statement)[1]
