"""The interface between the command line and the adapter of an orchestrator."""

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
    """A module that implements one verb."""

    HELP: str  # one line

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's arguments to its parser.

        With the parser default `resumes=True` the verb starts a run: the command line then prints
        the table and prunes, as after `run`.
        """

    def run(self, chosen: argparse.Namespace) -> int:
        """Run the verb; returns the exit code. Raises PipelineError for what the user can fix."""


class Adapter(Protocol):
    """The module `mlpo_kit.<orchestrator>.adapter`. Importing it imports no orchestrator."""

    CLUSTER: type[Cluster]  # how deploy/cluster.yaml is read
    # Arguments to Python for the nightly prune; None where the orchestrator schedules the prune.
    PRUNE_COMMAND: Sequence[str] | None
    VERBS: Mapping[str, str]  # the module of each verb that only this orchestrator has

    def run(self, options: RunOptions) -> int:
        """Run the pipeline or a sweep; returns the exit code. Each stage writes its record.

        The pipeline's file is in `find_project().source`, a copy. Other processes of the run need
        the environment of this one, which names the copy.

        Raises PipelineError for what the user can fix. A refused candidate is not a failure.
        """

    def find_kept_runs(self, settings: Any) -> Collection[str]:
        """Find the runs that the user marked in the orchestrator, so that they are kept."""

    def delete_runs(self, settings: Any, run_ids: Collection[str]) -> None:
        """Delete the orchestrator's own data of these runs. May be called again for a run."""

    def render_manifests(
        self, settings: Any, document: dict[str, Any]
    ) -> dict[str, list[Manifest]]:
        """Render the orchestrator's own manifests, by file name without its suffix."""

    def find_manifest_problems(self, settings: Any, document: dict[str, Any]) -> list[str]:
        """Find the problems of the cluster's manifests that only this orchestrator can check."""

    def compare_pipeline(self) -> list[str]:
        """Compare the pipeline file with PIPELINE; returns a sentence per difference.

        A sentence begins with the file, or names it.
        """


def list_adapters() -> list[str]:
    """List the orchestrators with an adapter: the kit's packages that contain an adapter module."""
    folder = Path(mlpo_kit.__file__).parent
    return sorted(
        path.parent.name for path in folder.glob("*/adapter.py") if path.parent.name != "cli"
    )


def load_adapter() -> Adapter:
    """Load the adapter of the project's orchestrator; raises PipelineError if there is none."""
    project, adapters = find_project(), list_adapters()
    if project.orchestrator not in adapters:
        raise PipelineError(
            f"{project.root / 'pyproject.toml'}: [tool.mlpo] orchestrator is "
            f"{project.orchestrator!r}; it must be one of: {', '.join(adapters)}"
        )
    return cast(Adapter, import_module(f"mlpo_kit.{project.orchestrator}.adapter"))
