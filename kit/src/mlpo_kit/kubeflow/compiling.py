"""Compile the pipelines for the cluster, and find their problems before a server does."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import compiler

from mlpo_kit.cluster import image, preflight
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import check_settings, read_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.compare import compare_with_pipeline
from mlpo_kit.kubeflow.description import KubeflowCluster, read_kubeflow_cluster
from mlpo_kit.kubeflow.pipeline_file import FILE, load_pipeline_file
from mlpo_kit.kubeflow.prune_pipeline import make_prune_pipeline
from mlpo_kit.kubeflow.running import choose_parameters
from mlpo_kit.kubeflow.sweeping import plan_named_sweep
from mlpo_kit.kubeflow.tracing import trace_pipeline
from mlpo_kit.kubeflow.traps import find_traps
from mlpo_kit.runs.pipeline import load_pipeline

FOLDER = "build"  # in the project
PIPELINE, SWEEP, PRUNE = "pipeline.yaml", "sweep.yaml", "prune.yaml"


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline: its file, its name and version on a server, settings and cluster."""

    path: Path
    pipeline: str
    version: str
    settings: Any
    cluster: KubeflowCluster
    parameters: dict[str, Any]  # for its runs


def compile_pipeline(
    profile: str, changes: Sequence[str] = (), use_cache: bool = True, sweep: str | None = None
) -> Compiled:
    """Compile a profile's pipeline for the cluster into build/."""
    return compile_document(read_profile(profile, changes), use_cache, sweep)


def compile_document(
    document: dict[str, Any], use_cache: bool = True, sweep: str | None = None
) -> Compiled:
    """Compile the pipeline for the settings in `document`, a profile that was read."""
    warnings.filterwarnings("ignore", module="kfp")
    settings = check_settings(document)
    cluster = read_kubeflow_cluster(settings)
    planned = plan_named_sweep(sweep, settings)
    traced = trace_pipeline(load_pipeline_file(), document, cluster, planned)
    parameters = choose_parameters(traced, use_cache)
    return _write(traced, SWEEP if sweep else PIPELINE, settings, cluster, parameters)


def compile_prune(document: dict[str, Any]) -> Compiled:
    """Compile the prune pipeline into build/."""
    warnings.filterwarnings("ignore", module="kfp")
    settings = check_settings(document)
    cluster = read_kubeflow_cluster(settings)
    return _write(make_prune_pipeline(document, cluster), PRUNE, settings, cluster, {})


def _write(
    pipeline: Any,
    file: str,
    settings: Any,
    cluster: KubeflowCluster,
    parameters: dict[str, Any],
) -> Compiled:
    """Compile into a file.

    The version consists of the image's tag and a hash of the compiled text, which contains the
    settings and the description of the cluster.
    """
    path = find_project().root / FOLDER / file
    path.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(pipeline, str(path))
    text = hashlib.sha256(path.read_bytes()).hexdigest()
    version = f"{image.make_tag(cluster.device)}-{text[:8]}"
    return Compiled(path, pipeline.name, version, settings, cluster, parameters)


def find_problems(compiled: Compiled) -> list[str]:
    """Find the parts of a compiled pipeline that KFP would accept but not carry out."""
    return find_traps(compiled.path.read_text(encoding="utf-8"))


def find_all_problems(settings: Any, document: dict[str, Any]) -> Iterator[str]:
    """Find the problems of all pipelines: run, prune, and sweep if there is one."""
    pipelines = [compile_document(document), compile_prune(document)]
    has_sweep = (find_project().configs / "sweep.yaml").is_file()
    if has_sweep and count_nodes(settings, load_pipeline().training_stage) == 1:
        pipelines.append(compile_document(document, sweep="sweep"))
    for compiled in pipelines:
        yield from (f"{compiled.path.name}: {problem}" for problem in find_problems(compiled))
    yield from (f"{FILE}: {problem}" for problem in compare_pipeline())


def compare_pipeline() -> list[str]:
    """Compare the pipeline file with PIPELINE; return a sentence for each difference."""
    return compare_with_pipeline(load_pipeline_file())


def check_ready(compiled: Compiled) -> None:
    """Raise PipelineError if a compiled pipeline could not run.

    This checks only local files, as a laptop may reach nothing of the cluster but KFP's API.
    `make preflight` also checks the cluster, the store and the registries.
    """
    problems = find_problems(compiled)
    if compiled.path.name != PRUNE:
        problems += [f"{FILE}: {problem}" for problem in compare_pipeline()]
    if problems:
        raise PipelineError("the pipeline has problems:\n  - " + "\n  - ".join(problems))
    answers = preflight.ask_files(compiled.settings, compiled.cluster)
    failures = [sentence for is_fine, sentence in answers if not is_fine]
    if failures:
        raise PipelineError("a run could not start:\n  - " + "\n  - ".join(failures))
