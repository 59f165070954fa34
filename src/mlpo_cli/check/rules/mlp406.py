"""MLP406: data or a model without a fixed version."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlpo_cli.check.model import EVERY_SDK, Example, Finding, Rule, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.values import find_constant, find_text, get_argument

RULE = Rule(
    id="MLP406",
    title="data or model without a fixed version",
    severity=Severity.INFO,
    sdks=EVERY_SDK,
    what="""
    Reports what is read from the Hugging Face Hub without `revision`, `models:/NAME/latest` of
    MLflow, `NAME:latest` of Weights & Biases, and a parameter for a version whose default is
    `latest`. A local path, a name that is not written there, and `local_files_only=True` are not
    reported.
    """,
    why="""
    Another run reads other data or another model: its result cannot be repeated, and a cache does
    not see the change.
    """,
    sources=(
        "huggingface_hub 2.4.0, file_download.py: without `revision` it is the head of `main`",
        "MLflow 3.17.2: `models:/NAME/latest` is the newest version at the time of the call",
    ),
    examples=(
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, Parameter, step


class TrainFlow(FlowSpec):
    data_version = Parameter("data_version", default="latest")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            good="""\
from metaflow import FlowSpec, Parameter, step


class TrainFlow(FlowSpec):
    data_version = Parameter("data_version", default="2026-11-02")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
        ),
        Example(
            bad="""\
from datasets import load_dataset
from zenml import step


@step
def load() -> list:
    return list(load_dataset("stanfordnlp/imdb", split="train"))
""",
            good="""\
from datasets import load_dataset
from zenml import step


@step
def load() -> list:
    rows = load_dataset("stanfordnlp/imdb", split="train", revision="e6281661ce1c48d9")
    return list(rows)
""",
        ),
    ),
    advice='Name the version: a commit of the Hub as `revision="..."`, a number, a date.',
)

PACKAGES = ("transformers", "diffusers", "peft", "sentence_transformers", "datasets")
LOADERS = {
    "datasets.load_dataset": ("path", 0),
    "huggingface_hub.snapshot_download": ("repo_id", 0),
    "huggingface_hub.hf_hub_download": ("repo_id", 0),
    "sentence_transformers.SentenceTransformer": ("model_name_or_path", 0),
}
# `owner/name`, where the owner is no usual name of a local folder.
HUB_NAME = re.compile(
    r"(?!(?:data|datasets?|models?|outputs?|out|results?|checkpoints?|artifacts?|assets|tmp|temp|"
    r"cache|src|\.+|~|mnt|opt|home|content|saved_models?|weights|pretrained|trained|runs|logs|"
    r"workspace|\w+_(?:dir|path|model|models|data))/)[A-Za-z0-9][\w-]*/[\w-][\w.-]*"
)
VERSION = re.compile(r"(?:^|_|-)(?:version|revision|tag|snapshot)$", re.IGNORECASE)
OF_OTHERS = re.compile(r"image|docker|kfp|python|api|schema|cluster|pipeline|code", re.IGNORECASE)
MLFLOW = re.compile(r"models:/[^/]+/latest")
WANDB = re.compile(r"[\w./-]+:latest")


def check(module: Module) -> Iterator[Finding]:
    """Find what a module reads without a fixed version."""
    yield from check_hub(module)
    yield from check_registries(module)
    yield from check_parameters(module)


def check_hub(module: Module) -> Iterator[Finding]:
    """Find what is read from the Hub without a revision."""
    calls = [(call, *LOADERS[name]) for call, name in module.list_calls(*LOADERS)]
    for call, _ in module.list_method_calls("from_pretrained"):
        package = (module.resolve(call.func) or "").partition(".")[0]
        if package in PACKAGES:
            calls.append((call, "pretrained_model_name_or_path", 0))
    for call, keyword, position in calls:
        node = get_argument(call, keyword, position)
        text = find_text(module, node) or ""
        keywords = {inner.arg for inner in call.keywords}
        if node is None or not HUB_NAME.fullmatch(text):
            continue
        if keywords.isdisjoint({"revision", "local_files_only", None}):
            yield RULE.report(module, node, f"`{text}` is read without `revision`.")


def check_registries(module: Module) -> Iterator[Finding]:
    """Find the names of MLflow and of Weights & Biases that mean the newest version."""
    for call in module.list_nodes(ast.Call):
        name = module.resolve(call.func) or ""
        is_mlflow = name.startswith("mlflow.") and name.endswith(".load_model")
        is_wandb = isinstance(call.func, ast.Attribute) and call.func.attr == "use_artifact"
        if not is_mlflow and not is_wandb:
            continue
        node = get_argument(call, "model_uri" if is_mlflow else "artifact_or_name", 0)
        text = find_text(module, node) or ""
        if node is not None and (MLFLOW if is_mlflow else WANDB).fullmatch(text.replace("\0", "x")):
            yield RULE.report(module, node, "The newest version is read, whichever that is.")


def check_parameters(module: Module) -> Iterator[Finding]:
    """Find the parameters of flows, pipelines and steps with the default `latest`."""
    for call, _ in module.list_calls("metaflow.Parameter"):
        default = get_argument(call, "default")
        name = find_constant(module, get_argument(call, "name", 0))
        if default is not None and is_latest(module, name, default):
            yield RULE.report(module, default, f"The parameter `{name}` is `latest` by default.")
    for function in module.functions:
        if not any(
            name in ("kfp.dsl.pipeline", "kfp.dsl.component", "zenml.pipeline", "zenml.step")
            for name, _, _ in module.list_decorators(function)
        ):
            continue
        positional = [*function.args.posonlyargs, *function.args.args]
        defaults = function.args.defaults
        pairs = [
            *zip(positional[len(positional) - len(defaults) :], defaults, strict=True),
            *zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            if default is not None and is_latest(module, argument.arg, default):
                message = f"The parameter `{argument.arg}` is `latest` by default."
                yield RULE.report(module, default, message)


def is_latest(module: Module, name: object, default: ast.expr) -> bool:
    """Whether a parameter is the version of data or of a model, and is `latest` by default."""
    if not isinstance(name, str) or not VERSION.search(name) or OF_OTHERS.search(name):
        return False
    return find_constant(module, default) == "latest"
