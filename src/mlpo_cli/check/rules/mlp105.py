"""MLP105: a lightweight component reads a name of the module around it."""

from __future__ import annotations

import ast
import sys
import typing
from collections.abc import Iterator

from mlpo_cli.check.handlers import is_caught
from mlpo_cli.check.model import Edit, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import FUNCTIONS, Module
from mlpo_cli.check.names import Binding, FunctionNode, Import
from mlpo_cli.check.sdk import find_sdks
from mlpo_cli.check.values import get_argument

RULE = Rule(
    id="MLP105",
    title="component that reads a name from outside of it",
    severity=Severity.ERROR,
    sdks=(Sdk.KFP_V2, Sdk.KFP_V1),
    what="""
    Reports a lightweight Python component of KFP v2, or one of its `additional_funcs`, that reads
    a name which the module around it imports or defines. What KFP imports itself is not reported:
    `kfp`, `dsl` and all names of `kfp.dsl` and `typing`. Neither are annotations, reads inside a
    `try` that catches NameError, components with `target_image`, whose module is in the image, and
    functions with other decorators beside `component`.
    """,
    why="""
    KFP copies only the source of the function into the compiled pipeline. It compiles; then the
    step fails with a NameError.
    """,
    sources=(
        "kfp 2.17.0, kfp/dsl/component_factory.py: "
        "`_get_command_and_args_for_lightweight_component`",
        "run with kfp 2.17.0 and kfp.local: a constant, a function, an imported module and a "
        "default value of a parameter each end in `NameError: name '...' is not defined`",
    ),
    examples=(
        Example(
            bad="""\
import json

from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="python:3.12-slim")
def ingest(url: str, dataset: Output[Dataset]):
    import requests

    with open(dataset.path, "w") as file:
        json.dump(requests.get(url, timeout=60).json(), file)
""",
            good="""\
import json

from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="python:3.12-slim")
def ingest(url: str, dataset: Output[Dataset]):
    import json
    import requests

    with open(dataset.path, "w") as file:
        json.dump(requests.get(url, timeout=60).json(), file)
""",
            is_fixed=True,
        ),
        Example(
            bad="""\
from kfp import dsl

BATCH_SIZE = 64


@dsl.component(base_image="python:3.12-slim")
def train(epochs: int) -> float:
    return run_training(epochs, BATCH_SIZE)
""",
            good="""\
from kfp import dsl

BATCH_SIZE = 64


@dsl.component(base_image="python:3.12-slim")
def train(epochs: int, batch_size: int) -> float:
    return run_training(epochs, batch_size)


@dsl.pipeline
def training():
    train(epochs=10, batch_size=BATCH_SIZE)
""",
        ),
    ),
    advice="""
    Import it inside the function. Pass a value as a parameter, and a function of this file with
    `additional_funcs=[...]`.
    """,
    fix="""
    Repeats an import of the module inside the function. Safe for the standard library, unsafe for
    other packages: the image must have them. Values and functions are not moved.
    """,
)

COMPONENTS = ("kfp.dsl.component", "kfp.v2.dsl.component")
# What the compiled source begins with: `from kfp.dsl import *` and `from typing import *`.
IMPORTED = frozenset({
    "kfp", "dsl", "Artifact", "ClassificationMetrics", "Collected", "ConcatPlaceholder",
    "Condition", "ContainerSpec", "Dataset", "Elif", "Else", "ExitHandler", "HTML", "If",
    "IfPresentPlaceholder", "Input", "InputPath", "KubernetesWorkspaceConfig", "Markdown",
    "Metrics", "Model", "OneOf", "Output", "OutputPath", "ParallelFor", "PipelineConfig",
    "PipelineTask", "PipelineTaskFinalStatus", "SlicedClassificationMetrics", "TaskConfig",
    "TaskConfigField", "TaskConfigPassthrough", "WorkspaceConfig", "component",
    "container_component", "get_uri", "graph_component", "importer", "notebook_component",
    "pipeline", "run_notebook",
}) | frozenset(typing.__all__)  # fmt: skip
PLACEHOLDER = "_PLACEHOLDER"  # what other names of `kfp.dsl` end with
OF_ASSETS = ("__KFP_", "__kfp_")  # what the names for embedded files begin with
DYNAMIC = ("exec", "globals")


def check(module: Module) -> Iterator[Finding]:
    """Find the names that the components of a module read and will not have."""
    found: dict[tuple[FunctionNode, str], tuple[ast.Name, list[Binding]]] = {}
    for function, call in list_components(module):
        copied = list_copied(module, function, call)
        names = {function.name for function in copied or ()}
        for part in copied or ():
            for node, bindings in list_missing(module, part, names):
                found.setdefault((part, node.id), (node, bindings))
    for (function, name), (node, bindings) in found.items():
        message = f"`{function.name}` runs without this module: `{name}` is not defined there."
        edits, is_safe = repeat_import(module, function, name, bindings)
        yield RULE.report(module, node, message, edits=edits, is_safe=is_safe)


def list_components(module: Module) -> Iterator[tuple[FunctionNode, ast.Call | None]]:
    """Yield each lightweight component, and the call of `component` if it is called."""
    names = COMPONENTS if Sdk.KFP_V2 in find_sdks(module) else COMPONENTS[1:]
    for function in module.list_nodes(ast.FunctionDef):
        decorators = list(module.list_decorators(function))
        if len(function.decorator_list) == 1 and decorators and decorators[0][0] in names:
            yield function, decorators[0][2]
    for call, _ in module.list_calls(*names):
        definition = module.find_definition(call.args[0]) if call.args else None
        if definition is None or definition.module is not module:
            continue
        if isinstance(definition.node, FUNCTIONS) and not definition.node.decorator_list:
            yield definition.node, call


def list_copied(
    module: Module, function: FunctionNode, call: ast.Call | None
) -> list[FunctionNode] | None:
    """Return the functions whose source is compiled; None if it cannot be told."""
    if call is None:
        return [function]
    if any(keyword.arg in (None, "target_image") for keyword in call.keywords):
        return None
    others = get_argument(call, "additional_funcs")
    if others is None:
        return [function]
    if not isinstance(others, (ast.List, ast.Tuple)):
        return None
    copied = [function]
    for element in others.elts:
        definition = module.find_definition(element)
        if definition is None or not isinstance(definition.node, FUNCTIONS):
            return None
        if definition.module is not module:
            return None
        copied.append(definition.node)
    return copied


def list_missing(
    module: Module, function: FunctionNode, names: set[str]
) -> Iterator[tuple[ast.Name, list[Binding]]]:
    """Yield what a function reads of the code around it, with where that is bound."""
    nodes = list(walk_code(function))
    inside = {function, *nodes}
    reads = [node for node in nodes if isinstance(node, ast.Name) and is_read(node)]
    if any(name.id in DYNAMIC for name in reads):
        return
    annotated = {
        node.id
        for annotation in list_annotations(function)
        for node in ast.walk(annotation)
        if isinstance(node, ast.Name)
    }
    known = names | annotated | IMPORTED
    for name in reads:
        if name.id in known or name.id.startswith(OF_ASSETS) or name.id.endswith(PLACEHOLDER):
            continue
        found = module.names.look_up(name.id, name)
        if found is None or found[0] in inside:
            continue
        if module.resolve(name) != f"typing.{name.id}" and not is_caught(module, name, "NameError"):
            yield name, found[1]


def is_read(node: ast.Name) -> bool:
    """Whether a name is read, not bound."""
    return isinstance(node.ctx, ast.Load)


def list_annotations(function: FunctionNode) -> Iterator[ast.expr]:
    """Yield the annotations of a function's signature: KFP imports the artifact types in them."""
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.annotation is not None:
            yield argument.annotation
    if function.returns is not None:
        yield function.returns


def walk_code(function: FunctionNode) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body and defaults in order, without annotations."""
    defaults = [node for node in function.args.kw_defaults if node is not None]
    stack: list[ast.AST] = [*function.args.defaults, *defaults, *function.body][::-1]
    while stack:
        node = stack.pop()
        yield node
        children: list[ast.AST] = []
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                values = value if isinstance(value, list) else [value]
                children += [child for child in values if isinstance(child, ast.AST)]
        stack += reversed(children)


def repeat_import(
    module: Module, function: FunctionNode, name: str, bindings: list[Binding]
) -> tuple[list[Edit], bool]:
    """Return the edits that import a name inside a function too, and whether they are safe."""
    text, package = write_import(bindings[0], name) if len(bindings) == 1 else ("", "")
    target = bindings[0].value
    if not text or (isinstance(target, Import) and module.find_local(target.module, 0)):
        return [], False
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if is_docstring and len(function.body) > 1:
        first = function.body[1]
    start, _ = module.span(first)
    decorated = getattr(first, "decorator_list", None)
    if decorated:
        start = module.span(decorated[0])[0] - 1  # of the `@`
    line_start = module.source.text.rfind("\n", 0, start) + 1
    indent = module.source.text[line_start:start]
    if indent.strip(" \t") or not indent:
        return [], False
    newline = "\r\n" if "\r\n" in module.source.text else "\n"
    return [Edit(start, start, f"{text}{newline}{indent}")], package in sys.stdlib_module_names


def write_import(binding: Binding, name: str) -> tuple[str, str]:
    """Return the statement that binds a name as a binding does, and the package it imports."""
    node = binding.node
    for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
        rename = f" as {alias.asname}" if alias.asname else ""
        if isinstance(node, ast.Import) and (alias.asname or alias.name.partition(".")[0]) == name:
            return f"import {alias.name}{rename}", alias.name.partition(".")[0]
        if isinstance(node, ast.ImportFrom) and (alias.asname or alias.name) == name:
            if node.level or not node.module:
                return "", ""
            package = node.module.partition(".")[0]
            return f"from {node.module} import {alias.name}{rename}", package
    return "", ""
