"""MLP204: a step with a GPU downloads or prepares data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlpo_cli.check.gpu import list_gpu_steps
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import FUNCTIONS, Module
from mlpo_cli.check.reach import list_reached
from mlpo_cli.check.values import find_assigned, find_constant, find_text, get_argument

RULE = Rule(
    id="MLP204",
    title="data that is prepared while a GPU waits",
    severity=Severity.INFO,
    sdks=(Sdk.METAFLOW, Sdk.KFP_V2, Sdk.ZENML),
    what="""
    Reports, in a step that asks for a GPU and in the functions of the same file that it calls: a
    data set that is downloaded (`load_dataset` from the Hub, data sets of torchvision with
    `download=True`, pandas with a URL), and one that is tokenized or changed row by row with
    `.map(...)`. Reading a file, splitting, and streaming are not reported.
    """,
    why="""
    The GPU is reserved from the start of the step to its end, also while data is downloaded and
    prepared on the CPU, and again on each retry.
    """,
    sources=("datasets 5.2.0, `load_dataset`: with `streaming=True` data comes while it is used",),
    examples=(
        Example(
            file="flow.py",
            bad="""\
from datasets import load_dataset
from metaflow import FlowSpec, kubernetes, step

from training import train


class TrainFlow(FlowSpec):
    @kubernetes(gpu=1)
    @step
    def start(self):
        train(load_dataset("stanfordnlp/imdb", revision="e6281661ce1c48d9"))
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            good="""\
from datasets import load_dataset
from metaflow import FlowSpec, kubernetes, step

from training import train


class TrainFlow(FlowSpec):
    @step
    def start(self):
        load_dataset("stanfordnlp/imdb", revision="e6281661ce1c48d9").save_to_disk("s3://data/imdb")
        self.next(self.fit)

    @kubernetes(gpu=1)
    @step
    def fit(self):
        train("s3://data/imdb")
        self.next(self.end)

    @step
    def end(self):
        pass
""",
        ),
    ),
    advice="Prepare the data in a step of its own, without a GPU, and read the result here.",
)

DATASETS = ("datasets.load_dataset", "datasets.load.load_dataset")
MADE = tuple(
    f"datasets.Dataset.from_{kind}"
    for kind in ("csv", "dict", "generator", "json", "list", "pandas", "parquet", "text")
)
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")  # a name with no slash can be a format of files
PANDAS = ("pandas.read_csv", "pandas.read_parquet", "pandas.read_json", "pandas.read_excel")
URLS = ("http://", "https://", "s3://", "gs://", "hf://")


def check(module: Module) -> Iterator[Finding]:
    """Find where the steps with a GPU download or prepare data."""
    reported: set[ast.Call] = set()
    for step in list_gpu_steps(module):
        if not isinstance(step.definition.node, FUNCTIONS):
            continue
        for definition in list_reached(step.definition.module, step.definition.node):
            if definition.module is not module:
                continue
            for node in ast.walk(definition.node):
                if isinstance(node, ast.Call) and node not in reported:
                    what = describe(module, node)
                    if what:
                        reported.add(node)
                        yield RULE.report(module, node.func, f"The GPU waits while {what}.")


def describe(module: Module, call: ast.Call) -> str:
    """Say what a call does on the CPU or the network for long; empty if nothing is known."""
    name = module.resolve(call.func) or ""
    if name in DATASETS:
        dataset = _name_dataset(module, call)
        return f"the data set `{dataset}` is downloaded" if dataset else ""
    if name.startswith("torchvision.datasets."):
        is_downloaded = find_constant(module, get_argument(call, "download")) is True
        return f"{name.rpartition('.')[2]} is downloaded" if is_downloaded else ""
    if name in PANDAS:
        text = find_text(module, call.args[0] if call.args else None) or ""
        return "pandas downloads data" if text.startswith(URLS) else ""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "map" and call.args:
        return "rows are changed by `map`" if _is_dataset(module, call.func.value) else ""
    return ""


def _name_dataset(module: Module, call: ast.Call) -> str:
    """Return the name of the data set that is downloaded as a whole; empty if none is."""
    name = find_text(module, get_argument(call, "path", 0)) or ""
    streams = get_argument(call, "streaming")
    if streams is not None and find_constant(module, streams) is not False:
        return ""
    return name if HUB_NAME.fullmatch(name) else ""


def _is_dataset(module: Module, node: ast.expr, steps: int = 10) -> bool:
    """Whether an expression is what `load_dataset` or `load_from_disk` returns, or a part of it."""
    if isinstance(node, ast.Subscript) and steps:
        return _is_dataset(module, node.value, steps - 1)
    if isinstance(node, ast.Call):
        name = module.resolve(node.func)
        streams = get_argument(node, "streaming")
        if name in DATASETS:
            return streams is None or find_constant(module, streams) is False
        return name == "datasets.load_from_disk" or name in MADE
    found = find_assigned(module, node)
    return found is not None and steps > 0 and _is_dataset(found[0], found[1], steps - 1)
