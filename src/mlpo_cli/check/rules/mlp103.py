"""MLP103: weights or data loaders that go from step to step as pickled objects."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlpo_cli.check.flows import find_set_value, is_kept, list_flows
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module, get_last_name
from mlpo_cli.check.values import find_assigned
from mlpo_cli.check.zenml import list_returned, list_steps

RULE = Rule(
    id="MLP103",
    title="weights or a data loader as an artifact",
    severity=Severity.WARNING,
    sdks=(Sdk.METAFLOW, Sdk.ZENML),
    what="""
    Reports a `state_dict()` and a PyTorch `DataLoader` that a step of Metaflow keeps on `self`, or
    that a step of ZenML returns without a materializer of its own. The state of what is small, such
    as a scheduler, is not reported.
    """,
    why="""
    They are pickled. Weights that are on a GPU cannot be read in a step without one, ZenML writes a
    pickle per tensor that no other Python version reads, and a loader takes its whole data set
    along.
    """,
    sources=(
        "metaflow 2.19.39, plugins/datastores/serializers/pickle_serializer.py",
        "torch 2.13.0, storage.py, `_load_from_bytes`: loads each tensor to the device it was on",
        "zenml 0.98.0, materializers/built_in_materializer.py and "
        "integrations/pytorch/materializers/pytorch_dataloader_materializer.py; run there",
    ),
    examples=(
        Example(
            file="flow.py",
            bad="""\
import torch
from metaflow import FlowSpec, step


class TrainFlow(FlowSpec):
    @step
    def start(self):
        network = train(torch.nn.Linear(64, 10))
        self.weights = network.state_dict()
        self.next(self.end)

    @step
    def end(self):
        evaluate(self.weights)
""",
            good="""\
import torch
from metaflow import FlowSpec, step


class TrainFlow(FlowSpec):
    @step
    def start(self):
        network = train(torch.nn.Linear(64, 10))
        self.weights_uri = upload(network)
        self.next(self.end)

    @step
    def end(self):
        evaluate(self.weights_uri)
""",
        ),
        Example(
            bad="""\
from torch.utils.data import DataLoader
from zenml import step


@step
def load_rows(folder: str) -> DataLoader:
    return DataLoader(Rows(folder), batch_size=64)
""",
            good="""\
from zenml import step


@step
def list_rows(folder: str) -> list[str]:
    return Rows(folder).paths
""",
        ),
    ),
    advice="""
    Save weights once to a file of their own, such as safetensors in the object store, and pass on
    where that is. Make loaders in the step that reads them.
    """,
)

LOADERS = ("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader")
SMALL = re.compile(r"sched|scaler|sampler|stopp|config|metric|rng|generator", re.IGNORECASE)
MOST_STEPS = 10  # from an artifact to what it is
MOST_PARTS = 50


def check(module: Module) -> Iterator[Finding]:
    """Find the weights and the loaders that are artifacts."""
    for flow in list_flows(module):
        for use in (use for uses in flow.uses.values() for use in uses if not use.is_read):
            if use.is_nested or use.method not in flow.run:
                continue
            kind = find_kind(module, find_set_value(module, use))
            if kind and is_kept(module, flow, use):
                message = f"`self.{use.node.attr}` {kind}, which Metaflow pickles."
                yield RULE.report(module, use.node, message)
    for step in list_steps(module):
        if step.get_option("output_materializers") is None and not step.has_open_options:
            for node in list_returned(module, step.function):
                if kind := find_kind(module, node):
                    message = f"The step returns what {kind}, which ZenML pickles."
                    yield RULE.report(module, node, message)


def find_kind(module: Module, node: ast.expr | None) -> str:
    """Return what an expression holds that is too much for an artifact; empty if it is not."""
    steps = MOST_STEPS
    while node is not None and steps > 0:
        steps -= 1
        if isinstance(node, ast.Dict):
            values = node.values[:MOST_PARTS]
            return "holds weights" if any(is_state(module, value) for value in values) else ""
        if isinstance(node, ast.DictComp):
            items = node.generators[0].iter
            if isinstance(items, ast.Call) and get_last_name(items.func) == "items":
                node = items.func.value if isinstance(items.func, ast.Attribute) else None
                continue
            return ""
        if isinstance(node, ast.Call):
            if module.resolve(node.func) in LOADERS:
                return "is a data loader"
            if module.resolve(node.func) == "copy.deepcopy" and node.args:
                node = node.args[0]
                continue
            return "holds weights" if is_state(module, node) else ""
        found = find_assigned(module, node)
        node = found[1] if found and found[0] is module else None
    return ""


def is_state(module: Module, node: ast.expr) -> bool:
    """Whether an expression is the state of something that may be large."""
    if isinstance(node, ast.Name):
        found = find_assigned(module, node)
        node = found[1] if found else node
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "state_dict"
        and not SMALL.search(module.get_text(node.func.value)[-200:])
    )
