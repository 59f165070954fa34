"""MLP106: a path on a container's own disk that goes to another step."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.flows import Flow, Use, find_set_value, is_kept, list_flows
from mlpo_cli.check.kfp import COMPONENT_DECORATORS
from mlpo_cli.check.local_paths import (
    LocalPath,
    find_local_path,
    is_written,
    list_written_arguments,
)
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module, get_last_name
from mlpo_cli.check.zenml import list_returned, list_steps

RULE = Rule(
    id="MLP106",
    title="path on the disk of another container",
    severity=Severity.WARNING,
    sdks=(Sdk.METAFLOW, Sdk.KFP, Sdk.KFP_V2, Sdk.ZENML),
    what="""
    Reports a step that writes a file in `/tmp`, in its working directory or in a new temporary
    folder, and passes on the path as a text: a component of KFP or a step of ZenML that returns it,
    and an attribute of a flow that another step opens. Other folders may be shared, and are not
    reported.
    """,
    why="""
    Each step has a container of its own on a cluster. The next one gets the path and finds no file,
    or an old one; it works only where all steps run on one machine.
    """,
    sources=("kfp 2.17.0, zenml 0.98.0 and metaflow 2.19.39 on Kubernetes: a pod for each step",),
    examples=(
        Example(
            bad="""\
from kfp import dsl


@dsl.component(base_image="python:3.12-slim")
def train(epochs: int) -> str:
    path = "/tmp/network.pt"
    fit(epochs).save(path)
    return path
""",
            good="""\
from kfp import dsl
from kfp.dsl import Model, Output


@dsl.component(base_image="python:3.12-slim")
def train(epochs: int, network: Output[Model]):
    fit(epochs).save(network.path)
""",
        ),
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, step


class TrainFlow(FlowSpec):
    @step
    def start(self):
        self.path = "/tmp/network.pt"
        fit().save(self.path)
        self.next(self.end)

    @step
    def end(self):
        evaluate(self.path)
""",
            good="""\
from metaflow import FlowSpec, step


class TrainFlow(FlowSpec):
    @step
    def start(self):
        fit().save("/tmp/network.pt")
        self.uri = upload("/tmp/network.pt")
        self.next(self.end)

    @step
    def end(self):
        evaluate(self.uri)
""",
        ),
    ),
    advice="""
    Pass on the content: an output artifact in KFP (`Output[Model]`), a `pathlib.Path` or an object
    in ZenML, the data itself or its address in the object store in Metaflow.
    """,
)

HARMLESS = frozenset({
    "print", "exists", "isfile", "isdir", "is_file", "is_dir", "makedirs", "mkdir", "rmtree",
    "remove", "unlink", "info", "debug", "warning", "str", "len", "basename", "dirname",
})  # fmt: skip
MESSAGE = "is on the disk of this step's container, where no other step finds it."


def check(module: Module) -> Iterator[Finding]:
    """Find the local paths that go to another step."""
    for flow in list_flows(module):
        for uses in flow.uses.values():
            for use in uses:
                if not use.is_read and not use.is_nested and use.method in flow.run:
                    yield from check_attribute(module, flow, use)
    if any(True for _ in module.list_method_calls("mount_pvc")):
        return  # the path may be on the shared volume
    functions = [step.function for step in list_steps(module)]
    functions += [
        function
        for function in module.functions
        if any(name in COMPONENT_DECORATORS for name, _, _ in module.list_decorators(function))
    ]
    for function in functions:
        for node in list_returned(module, function):
            path = find_local_path(module, node)
            if path and is_text(module, node) and is_written(module, function, path):
                yield RULE.report(module, node, f"{describe(path)} {MESSAGE}")


def is_text(module: Module, node: ast.expr) -> bool:
    """Whether a returned path is passed on as a text: ZenML stores the file of a `Path`."""
    function = module.find_function(node)
    returns = ast.unparse(function.returns) if function and function.returns else ""
    return "str" in returns.replace("[", " ").replace("]", " ").replace(",", " ").split()


def check_attribute(module: Module, flow: Flow, use: Use) -> Iterator[Finding]:
    """Report an attribute that is a local path, if another step reads the file."""
    path = find_local_path(module, find_set_value(module, use))
    if path is None or not is_kept(module, flow, use):
        return
    path.keys |= {("self", use.node.attr)}
    if is_written(module, use.method, path) and is_opened(module, flow, use):
        yield RULE.report(module, use.node, f"{describe(path)} {MESSAGE}")


def describe(path: LocalPath) -> str:
    """Return the words for a path."""
    return f"`{path.text}`" if path.text else "This path"


def is_opened(module: Module, flow: Flow, use: Use) -> bool:
    """Whether a step that does not set the attribute passes it to what reads a file."""
    setters = flow.setters[use.node.attr]
    for other in flow.uses[use.node.attr]:
        call = module.get_parent(other.node)
        if isinstance(call, ast.keyword):
            call = module.get_parent(call)
        if other.is_read and other.method not in setters and isinstance(call, ast.Call):
            name = get_last_name(call.func)
            if name not in HARMLESS and not list_written_arguments(module, call):
                return True
    return False
