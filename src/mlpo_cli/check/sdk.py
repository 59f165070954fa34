"""Which SDK a module uses, and for Kubeflow Pipelines which generation of it."""

from __future__ import annotations

import ast
import re

from mlpo_cli.check.model import Sdk
from mlpo_cli.check.module import Module
from mlpo_cli.check.names import Import

MENTION = re.compile(rb"\b(?:metaflow|kfp|zenml)\b")
MENTION_OF_SPEC = re.compile(rb"\bpipelineInfo\b")

# What only one generation of the SDK has. `kfp.v2` is a part of the first.
_V1 = frozenset(
    f"kfp.{name}"
    for name in (
        "v2",
        "azure",
        "aws",
        "gcp",
        "onprem",
        "notebook",
        "auth",
        "run_pipeline_func_locally",
        "components.func_to_container_op",
        "components.create_component_from_func",
        "components.create_component_from_func_v2",
        "components.InputPath",
        "components.OutputPath",
        "components.ComponentStore",
        "dsl.ContainerOp",
        "dsl.ResourceOp",
        "dsl.VolumeOp",
        "dsl.VolumeSnapshotOp",
        "dsl.PipelineVolume",
        "dsl.PipelineParam",
        "dsl.PipelineConf",
        "dsl.get_pipeline_conf",
        "dsl.RUN_ID_PLACEHOLDER",
        "dsl.EXECUTION_ID_PLACEHOLDER",
        "dsl.python_component",
        "dsl.graph_component",
        "dsl.Sidecar",
        "dsl.UserContainer",
        "compiler.main",
    )
)
_V2 = frozenset(
    f"kfp.{name}"
    for name in (
        "local",
        "kubernetes",
        "registry",
        "dsl.container_component",
        "dsl.notebook_component",
        "dsl.ContainerSpec",
        "dsl.If",
        "dsl.Elif",
        "dsl.Else",
        "dsl.OneOf",
        "dsl.Collected",
        "dsl.importer",
        "dsl.Input",
        "dsl.Output",
        "dsl.InputPath",
        "dsl.OutputPath",
        "dsl.Artifact",
        "dsl.Dataset",
        "dsl.Model",
        "dsl.Metrics",
        "dsl.ClassificationMetrics",
        "dsl.SlicedClassificationMetrics",
        "dsl.HTML",
        "dsl.Markdown",
        "dsl.IfPresentPlaceholder",
        "dsl.ConcatPlaceholder",
        "dsl.PipelineTask",
        "dsl.PipelineTaskFinalStatus",
        "dsl.PipelineConfig",
        "dsl.WorkspaceConfig",
        "dsl.get_uri",
    )
)
_V2_KEYWORDS = frozenset({
    "base_image", "packages_to_install", "target_image", "install_kfp_package",
    "kfp_package_path", "pip_index_urls", "output_component_file",
})  # fmt: skip
_PARAMETERS = tuple(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "str"))
_PACKAGES = {"metaflow": Sdk.METAFLOW, "zenml": Sdk.ZENML}


def find_sdks(module: Module) -> frozenset[Sdk]:
    """Return the SDKs that a module imports."""
    return _find_sdks(module, 2)


def _find_sdks(module: Module, steps: int) -> frozenset[Sdk]:
    imports = _list_imports(module)
    packages = {target.module.partition(".")[0] for target in imports if not target.level}
    sdks = {sdk for name, sdk in _PACKAGES.items() if name in packages}
    if "kfp" in packages:
        sdks.add(_find_generation(module, imports, steps))
    return frozenset(sdks)


def _list_imports(module: Module) -> list[Import]:
    imports = [Import(alias.name) for node in module.list_nodes(ast.Import) for alias in node.names]
    for node in module.list_nodes(ast.ImportFrom):
        name = node.module or ""
        imports += [Import(name, alias.name, node.level) for alias in node.names]
    return imports


def _find_generation(module: Module, imports: list[Import], steps: int) -> Sdk:
    """Tell the generation of KFP's SDK by what is used of it, here or in local modules."""
    used = {f"{target.module}.{target.name}".strip(".") for target in imports if not target.level}
    for node in module.list_nodes(ast.Attribute):
        name = module.resolve(node)
        if name and name.startswith("kfp."):
            used.add(name)
    used = {name for name in used if name.startswith("kfp.")}
    if any(_has_prefix(name, _V1) for name in used):
        return Sdk.KFP_V1
    if any(_has_prefix(name, _V2) for name in used) or _has_v2_component(module):
        return Sdk.KFP_V2
    found: set[Sdk] = set()
    for target in imports if steps else ():
        local = module.find_local(target.module, target.level)
        if local is not None:
            found |= _find_sdks(local, steps - 1)
    generations = found & {Sdk.KFP_V1, Sdk.KFP_V2}
    return generations.pop() if len(generations) == 1 else Sdk.KFP


def _has_prefix(name: str, known: frozenset[str]) -> bool:
    """Whether a full name is one of the known ones, or is inside one."""
    parts = name.split(".")[:4]
    return any(".".join(parts[:count]) in known for count in range(2, len(parts) + 1))


def _has_v2_component(module: Module) -> bool:
    """Whether `kfp.dsl.component` is used as in v2.

    That of v1 decorates what returns a `ContainerOp`, and is given nothing else.
    """
    for call, _ in module.list_calls("kfp.dsl.component"):
        if not call.args or any(keyword.arg in _V2_KEYWORDS for keyword in call.keywords):
            return True
    return any(
        function.returns is not None and module.resolve(function.returns) in _PARAMETERS
        for function in module.functions
        if "kfp.dsl.component" in {name for name, _, _ in module.list_decorators(function)}
    )
