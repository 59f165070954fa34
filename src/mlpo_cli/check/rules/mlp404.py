"""MLP404: what the second generation of KFP's SDK no longer has."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.handlers import is_caught
from mlpo_cli.check.model import ANY_KFP, Edit, Example, Finding, Rule, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.values import find_text

RULE = Rule(
    id="MLP404",
    title="part of KFP v1 that KFP v2 has not",
    severity=Severity.WARNING,
    sdks=ANY_KFP,
    what="""
    Reports what is used of KFP's SDK and was removed in version 2, such as `dsl.ContainerOp`,
    `func_to_container_op` and `max_cache_staleness`: each name once in a file. An import in a `try`
    that catches ImportError is not reported. Leave this rule out where version 1 is pinned.
    """,
    why="""
    With kfp 2 or later the import or the compilation fails. Version 1, of which the last release
    is from 2023, gets no fixes any more.
    """,
    sources=("kfp 2.17.0: each of the names was looked up in the installed package",),
    examples=(
        Example(
            bad="""\
from kfp import dsl
from kfp.components import InputPath


@dsl.component(base_image="python:3.12-slim")
def train(data: InputPath("CSV")) -> float:
    return fit(data)
""",
            good="""\
from kfp import dsl
from kfp.dsl import InputPath


@dsl.component(base_image="python:3.12-slim")
def train(data: InputPath("CSV")) -> float:
    return fit(data)
""",
            is_fixed=True,
        ),
        Example(
            bad="""\
from kfp import dsl


@dsl.component(base_image="python:3.12-slim")
def train() -> float:
    return fit()


@dsl.pipeline
def training():
    task = train()
    task.execution_options.caching_strategy.max_cache_staleness = "P0D"
""",
            good="""\
from kfp import dsl


@dsl.component(base_image="python:3.12-slim")
def train() -> float:
    return fit()


@dsl.pipeline
def training():
    task = train()
    task.set_caching_options(False)
""",
            is_fixed=True,
        ),
    ),
    advice="Use what KFP v2 has instead: kubeflow.org, Pipelines, Migrate from KFP SDK v1.",
    fix="""
    Imports `InputPath` and `OutputPath` from `kfp.dsl`, and writes `set_caching_options(False)` for
    a staleness of zero. Unsafe: with version 1 the code means something else then.
    """,
)

OWN_CONTAINER = "Write a function with `@dsl.container_component` that returns a ContainerSpec."
COMPONENT = "Decorate the function with `@dsl.component`."
EXTENSION = "Use the package `kfp-kubernetes`."
MOVED = "Import it from `kfp.dsl`."
ARTIFACTS = "Take an artifact: `Input[Dataset]` or `Output[Dataset]`."
PARAMETER = "Use a type of Python: str, int, float, bool, list, dict."
# What is gone, and what there is instead.
REMOVED = {
    "kfp.components.InputPath": MOVED,
    "kfp.components.OutputPath": MOVED,
    "kfp.components.InputTextFile": ARTIFACTS,
    "kfp.components.OutputTextFile": ARTIFACTS,
    "kfp.components.InputBinaryFile": ARTIFACTS,
    "kfp.components.OutputBinaryFile": ARTIFACTS,
    "kfp.components.func_to_container_op": COMPONENT,
    "kfp.components.func_to_component_text": COMPONENT,
    "kfp.components.create_component_from_func": COMPONENT,
    "kfp.components.create_component_from_func_v2": COMPONENT,
    "kfp.components.create_graph_component_from_pipeline_func": "Call the pipeline as a component.",
    "kfp.components.load_component": "Use `load_component_from_file`, `_from_text` or `_from_url`.",
    "kfp.components.ComponentStore": "Use `load_component_from_url`.",
    "kfp.dsl.ContainerOp": OWN_CONTAINER,
    "kfp.dsl.BaseOp": OWN_CONTAINER,
    "kfp.dsl.Sidecar": OWN_CONTAINER,
    "kfp.dsl.UserContainer": OWN_CONTAINER,
    "kfp.dsl.InitContainer": OWN_CONTAINER,
    "kfp.dsl.InputArgumentPath": ARTIFACTS,
    "kfp.dsl.ResourceOp": "Create the resource in a component, with the client of Kubernetes.",
    "kfp.dsl.VolumeOp": EXTENSION,
    "kfp.dsl.VolumeSnapshotOp": EXTENSION,
    "kfp.dsl.PipelineVolume": EXTENSION,
    "kfp.dsl.VOLUME_MODE_RWO": EXTENSION,
    "kfp.dsl.VOLUME_MODE_RWM": EXTENSION,
    "kfp.dsl.VOLUME_MODE_ROM": EXTENSION,
    "kfp.dsl.PipelineParam": "",
    "kfp.dsl.PipelineConf": "",
    "kfp.dsl.get_pipeline_conf": "",
    "kfp.dsl.RUN_ID_PLACEHOLDER": "Use `dsl.PIPELINE_JOB_ID_PLACEHOLDER`.",
    "kfp.dsl.EXECUTION_ID_PLACEHOLDER": "Use `dsl.PIPELINE_TASK_ID_PLACEHOLDER`.",
    "kfp.dsl.types.Integer": PARAMETER,
    "kfp.dsl.types.String": PARAMETER,
    "kfp.dsl.types.Float": PARAMETER,
    "kfp.dsl.types.Bool": PARAMETER,
    "kfp.dsl.types.List": PARAMETER,
    "kfp.dsl.types.Dict": PARAMETER,
    "kfp.dsl.types.GCSPath": ARTIFACTS,
    "kfp.dsl.types.LocalPath": ARTIFACTS,
    "kfp.run_pipeline_func_locally": "Use `kfp.local`.",
    "kfp.run_pipeline_func_on_cluster": "Use `Client.create_run_from_pipeline_func`.",
    "kfp.azure": EXTENSION,
    "kfp.aws": EXTENSION,
    "kfp.gcp": EXTENSION,
    "kfp.onprem": EXTENSION,
}
NO_STALENESS = ("P0D", "PT0S", "PT0H", "PT0M")
MISSING = ("ImportError", "ModuleNotFoundError", "AttributeError")


def check(module: Module) -> Iterator[Finding]:
    """Find what a module uses that KFP v2 has not, each name once."""
    seen: set[str] = set()
    for node, names in list_uses(module):
        gone = [name for name in names if name in REMOVED and name not in seen]
        if gone and not is_caught(module, node, *MISSING):
            seen.update(gone)
            listed = ", ".join(f"`{name}`" for name in gone)
            message = f"{listed} {'are' if len(gone) > 1 else 'is'} not in KFP v2."
            advice = " ".join(dict.fromkeys(REMOVED[name] for name in gone))
            yield RULE.report(module, node, message, advice=advice, edits=move(module, node, names))
    for assign in module.list_nodes(ast.Assign):
        target = assign.targets[0]
        if isinstance(target, ast.Attribute) and target.attr == "max_cache_staleness":
            message = "A task of KFP v2 has no `max_cache_staleness`: setting it fails."
            advice = "Switch caching off with `set_caching_options(False)`, or give a version."
            edits = switch_caching_off(module, assign, target)
            yield RULE.report(module, target, message, advice=advice, edits=edits)


def list_uses(module: Module) -> Iterator[tuple[ast.AST, list[str]]]:
    """Yield the imports and attributes of a module, with the full names that each uses."""
    for statement in module.list_nodes(ast.ImportFrom):
        if not statement.level and statement.module:
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
            yield statement, [get_package(statement.module), *names]
    for plain in module.list_nodes(ast.Import):
        yield plain, [get_package(alias.name) for alias in plain.names]
    last_names = {name.rpartition(".")[2] for name in REMOVED}
    for attribute in module.list_nodes(ast.Attribute):
        if attribute.attr in last_names:
            yield attribute, [module.resolve(attribute) or ""]


def get_package(module_name: str) -> str:
    """Return `kfp.gcp` of `kfp.gcp.secrets`."""
    return ".".join(module_name.split(".")[:2])


def move(module: Module, node: ast.AST, names: list[str]) -> list[Edit]:
    """Return the edit that imports names from `kfp.dsl`; none where one of them is not there."""
    if not isinstance(node, ast.ImportFrom) or any(REMOVED.get(n) != MOVED for n in names[1:]):
        return []
    start, _ = module.span(node)
    position = module.source.text.find("kfp.components", start)
    if module.source.text[start:position].split() != ["from"]:
        return []
    return [Edit(position, position + len("kfp.components"), "kfp.dsl")]


def switch_caching_off(module: Module, assign: ast.Assign, target: ast.Attribute) -> list[Edit]:
    """Return the edit that writes a staleness of zero as KFP v2 does."""
    strategy = target.value
    options = strategy.value if isinstance(strategy, ast.Attribute) else None
    if len(assign.targets) > 1 or find_text(module, assign.value) not in NO_STALENESS:
        return []
    if not isinstance(options, ast.Attribute) or options.attr != "execution_options":
        return []
    _, after_task = module.span(options.value)
    _, end = module.span(assign)
    return [Edit(after_task, end, ".set_caching_options(False)")]
