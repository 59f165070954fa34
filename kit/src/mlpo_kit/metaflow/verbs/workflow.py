"""Create or update the flow's workflow on Argo Workflows or Step Functions."""

from __future__ import annotations

import argparse

from mlpo_kit.config.settings import load_settings
from mlpo_kit.metaflow.launch import name_changes, name_workflow_command, prepare, start_flow
from mlpo_kit.metaflow.variants import choose_variant
from mlpo_kit.metaflow.verbs.options import add_changes, add_options, add_skip

HELP = "create or update the workflow on Argo; on Step Functions with compute: batch"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --variant, --set and --skip; other arguments go to Metaflow."""
    add_options(parser, profile="cluster")
    add_changes(parser)
    add_skip(parser)


def run(chosen: argparse.Namespace) -> int:
    """Check the cluster, then create or update the workflow."""
    settings = load_settings(chosen.profile, chosen.set)
    command = name_workflow_command(settings, "create")
    variant = choose_variant(settings, chosen.variant, compiles=True)
    if settings.compute == "kubernetes":
        # Without Argo Events each run would log errors. With it: ARGS=--auto-emit-argo-events.
        command.append("--no-auto-emit-argo-events")
    prepare(settings, "create", chosen.skip)
    return start_flow(
        [*command, *name_changes(chosen.set), *chosen.extra_arguments], variant, chosen.profile
    )
