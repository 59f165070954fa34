"""Check every file in configs/: each profile after merging, and each sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlpo_kit.config.documents import Document, parse_yaml
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import load_settings, name_file
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.search.sweep import plan_sweep

BASE, DEFAULT = "base", "local"


def find_problems() -> list[str]:
    """Find what is wrong with the files in configs/; every problem begins with its file.

    A setting is checked in each profile that uses it, and reported once. Raises PipelineError if
    the project has no settings or no PIPELINE to check them against.
    """
    find_project().load("settings", "Settings")
    load_pipeline()
    documents, unread = _read_files()
    if BASE not in documents:
        if not unread:
            raise PipelineError("there is no configs/base.yaml: it holds what profiles change")
        return unread
    sweeps = {name: document for name, document in documents.items() if is_sweep(name, document)}
    profiles = [name for name in documents if name not in (BASE, *sweeps)] or [BASE]
    found = {f"configs/{name}.yaml": _find_profile_problems(name) for name in profiles}
    problems = [*unread, *name_profiles(found)]
    if not found.get(f"configs/{DEFAULT}.yaml", [DEFAULT]):
        settings = load_settings(DEFAULT)
        for name, document in sweeps.items():
            problems += _find_sweep_problems(name, document, settings)
    return problems


def load_cluster_profiles() -> dict[str, Any]:
    """Load the settings of the profiles that are for a cluster, by name; skips wrong ones."""
    documents, _ = _read_files()
    loaded = {}
    for name, document in documents.items():
        if not is_sweep(name, document) and not _find_profile_problems(name):
            settings = load_settings(name)
            if settings.compute != "local":
                loaded[name] = settings
    return loaded


def is_sweep(name: str, document: Document) -> bool:
    """Whether a file in configs/ is a sweep; every other file is a profile."""
    return name == "sweep" or "space" in document


def name_profiles(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """List the problems of all profiles, each once.

    A problem that is in no line of a file begins with the profiles that have it.
    """
    files_of: dict[str, list[str]] = {}
    for file, problems in found.items():
        for problem in problems:
            files_of.setdefault(problem, []).append(file)
    for problem, files in files_of.items():
        if problem.startswith("configs/"):
            yield problem
        else:
            others = f" (also in {', '.join(files[1:])})" if files[1:] else ""
            yield f"{files[0]}: {problem}{others}"


def _read_files() -> tuple[dict[str, Document], list[str]]:
    """Parse all files; returns the documents by name, and the problems of the other files."""
    documents: dict[str, Document] = {}
    problems: list[str] = []
    for path in sorted(find_project().configs.glob("*.yaml")):
        try:
            documents[path.stem] = parse_yaml(_read_text(path), name_file(path))
        except PipelineError as error:
            problems += error.problems
    return documents, problems


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{name_file(path)}: it can't be read: {error}") from None


def _find_profile_problems(name: str) -> Sequence[str]:
    try:
        load_settings(name)
    except PipelineError as error:
        return error.problems
    return ()


def _find_sweep_problems(name: str, document: Document, settings: Any) -> list[str]:
    """Find what is wrong with a sweep. None is possible with several machines: nothing to check."""
    if count_nodes(settings, load_pipeline().training_stage) > 1:
        return []
    try:
        plan_sweep(document, settings, name)
    except PipelineError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]  # below the heading
    return []
