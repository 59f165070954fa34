"""What an orchestrator's part of the kit offers to the command line."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import mlpo_kit
from mlpo_kit.cli.options import RunOptions
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError


class Verb(Protocol):
    """A module of the command line: one verb."""

    HELP: str  # a line

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say which arguments the verb takes.

        The default `resumes=True` says that it starts a run as `run` does: it ends like that one.
        """

    def run(self, chosen: argparse.Namespace) -> int:
        """Do it; returns the exit code. Raises PipelineError for what a person can mend."""


class Adapter(Protocol):
    """The module `mlpo_kit.<orchestrator>.adapter`. Importing it imports no orchestrator."""

    CLUSTER: type[Cluster]  # how deploy/cluster.yaml is read
    PRUNE_COMMAND: Sequence[str] | None  # what Python starts at night; None: see the orchestrator
    VERBS: Mapping[str, str]  # the verbs that only this orchestrator has, by the module of each

    def run(self, options: RunOptions) -> int:
        """Run the pipeline, or a sweep; returns the exit code. The stages leave their records.

        Raises PipelineError for what a person can mend. A refused candidate is no failure.
        """

    def find_kept_runs(self, settings: Any) -> Collection[str]:
        """Find the runs that are marked to be kept in the orchestrator's own way."""

    def forget_runs(self, settings: Any, run_ids: Collection[str]) -> None:
        """Delete what the orchestrator keeps of runs; it may be told of the same run twice."""

    def render_manifests(
        self, settings: Any, document: dict[str, Any]
    ) -> dict[str, list[Manifest]]:
        """Render the orchestrator's own manifests, by the file's name without its ending."""

    def find_manifest_problems(self, settings: Any, document: dict[str, Any]) -> list[str]:
        """Find what is wrong besides with what a cluster is given."""

    def compare_pipeline(self) -> list[str]:
        """Compare the pipeline file with PIPELINE; returns where they disagree, in words."""


def list_adapters() -> list[str]:
    """List the orchestrators that the kit has an adapter for: its packages with that module."""
    folder = Path(mlpo_kit.__file__).parent
    return sorted(
        path.parent.name for path in folder.glob("*/adapter.py") if path.parent.name != "cli"
    )


def load_adapter() -> Adapter:
    """Load the adapter of the project's orchestrator; raises PipelineError where there is none."""
    project, adapters = find_project(), list_adapters()
    if project.orchestrator not in adapters:
        known = ", ".join(adapters)
        raise PipelineError(
            f"{project.root / 'pyproject.toml'}: [tool.mlpo] orchestrator is "
            f"{project.orchestrator!r}; it is one of: {known}"
        )
    return cast(Adapter, import_module(f"mlpo_kit.{project.orchestrator}.adapter"))
