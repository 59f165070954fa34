"""Let a run work from a copy of the sources, so that they can be edited meanwhile."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from mlpo_kit.cli.output import write_message
from mlpo_kit.config.documents import Document, merge, parse_yaml, set_value
from mlpo_kit.config.project import Project, find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs import copies
from mlpo_kit.runs.git import GitState, read_git_state
from mlpo_kit.runs.snapshot import describe_large_snapshot, take_snapshot

VERBS = ("run", "sweep", "resume")  # the commands that start a run


def add_like(parser: argparse.ArgumentParser) -> None:
    """Add --like."""
    parser.add_argument(
        "--like",
        metavar="RUN",
        help="run the sources of an earlier run again, with its settings; --set still changes them",
    )


def work_from_snapshot(verb: str, arguments: list[str]) -> None:
    """Replace this process by the same command, which works from a copy of the sources.

    Returns if this process works from a copy already, or if the profile is for a cluster, whose
    image holds the sources. The project's code is not imported here, and little of the kit, as this
    comes before each run.
    """
    project = find_project()
    if project.copy is not None or not {"-h", "--help"}.isdisjoint(arguments):
        return
    chosen = _parse(verb, arguments)
    document = _read_unchecked(project, chosen.profile, chosen.set)
    compute, storage_root = document.get("compute", "local"), str(document.get("storage_root", "."))
    if compute != "local":
        if chosen.like:
            raise PipelineError(f"--like is for runs on this machine, but compute is {compute}")
        return
    is_remote = "://" in storage_root
    folder = project.root if is_remote else (project.root / storage_root).resolve()
    if chosen.like:
        _run_like(project, folder, storage_root, chosen.like, [verb, *arguments])
    snapshot, git = take_snapshot(project.root), read_git_state(project.root)
    if (warning := describe_large_snapshot(snapshot)) is not None:
        write_message(f"warning: {warning}")
    copy = copies.prepare_copy(folder / copies.FOLDER, snapshot, project.root)
    _restart(copies.make_variables(copy, snapshot, git), [verb, *arguments])


def _parse(verb: str, arguments: list[str]) -> argparse.Namespace:
    """Parse the few options that matter here; the verb's own parser then checks all of them."""
    parser = argparse.ArgumentParser(prog=f"mlpo-kit {verb}", allow_abbrev=False, add_help=False)
    parser.add_argument("--profile", default="local")
    parser.add_argument("--set", action="append", default=[])
    if verb == "run":
        add_like(parser)
    else:
        parser.set_defaults(like=None)
    return parser.parse_known_args(arguments)[0]


def _read_unchecked(project: Project, profile: str, changes: list[str]) -> Document:
    """Merge base.yaml, the profile and the changes; what is missing, the run itself reports."""
    path = Path(profile) if profile.endswith(".yaml") else project.configs / f"{profile}.yaml"
    document: Document = {}
    for file in (project.configs / "base.yaml", path):
        name = f"configs/{file.name}" if file.parent == project.configs else str(file)
        if file.is_file():
            document = merge(document, parse_yaml(file.read_text(encoding="utf-8"), name))
    for change in changes:
        document = set_value(document, change)
    return document


def _run_like(
    project: Project, folder: Path, storage_root: str, like: str, arguments: list[str]
) -> NoReturn:
    """Replace this process by one that works from the snapshot of the run that `like` names.

    Raises PipelineError if the run or its snapshot does not exist.
    """
    import yaml

    from mlpo_kit.config.settings import BaseSettings
    from mlpo_kit.runs.identify import find_run
    from mlpo_kit.runs.records import read_records
    from mlpo_kit.runs.snapshot import read_snapshot
    from mlpo_kit.runs.start import read_start
    from mlpo_kit.store import open_store
    from mlpo_kit.store.files import write_text

    store = open_store(BaseSettings(project="", storage_root=storage_root))
    run_id = find_run(store, like)
    start = read_start(store, run_id)
    if start is None or start.snapshot is None:
        raise PipelineError(
            f"run {run_id} has no snapshot of its sources: runs that `mlpo-kit run` or `sweep` "
            "started on one machine have one"
        )
    if start.orchestrator != project.orchestrator:
        raise PipelineError(
            f"run {run_id} ran on {start.orchestrator}, but this project is for "
            f"{project.orchestrator}"
        )
    try:
        snapshot = read_snapshot(store, start.snapshot)
    except FileNotFoundError:
        raise PipelineError(f"the snapshot of run {run_id} was deleted from the store") from None
    copy = copies.prepare_copy(folder / copies.FOLDER, snapshot, project.root)
    # The settings that each stage ran with; in a sweep those of the best trial.
    stages = {name: record.settings for name, record in read_records(store, run_id).items()}
    settings: dict[str, Any] = {**start.settings, **stages}
    profile = copy.with_name(f"{copy.name}.{run_id}.yaml")
    write_text(profile, yaml.safe_dump(settings))
    git = GitState(start.commit, start.is_clean)
    _restart(copies.make_variables(copy, snapshot, git), _use_profile(arguments, profile))


def _use_profile(arguments: list[str], profile: Path) -> list[str]:
    """Add --profile to a command line; it replaces an earlier one."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:end], "--profile", str(profile), *arguments[end:]]


def _restart(variables: dict[str, str], arguments: list[str]) -> NoReturn:
    """Replace this process by one that imports the sources from a copy."""
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-m", "mlpo_kit.cli", *arguments]
    os.execve(sys.executable, command, {**os.environ, **variables})
