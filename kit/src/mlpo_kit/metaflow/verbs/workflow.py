"""Create or update the workflow of the flow, on Argo Workflows or Step Functions."""

from __future__ import annotations

import argparse

from mlpo_kit.config.settings import load_settings
from mlpo_kit.metaflow.launch import name_changes, name_workflow_command, prepare, start_flow
from mlpo_kit.metaflow.variants import choose_variant
from mlpo_kit.metaflow.verbs.options import add_changes, add_options, add_skip

HELP = "create or update the workflow on Argo, or with compute: batch on Step Functions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The profile, the settings, and what not to ask before."""
    add_options(parser, profile="cluster")
    add_changes(parser)
    add_skip(parser)


def run(chosen: argparse.Namespace) -> int:
    """Create it, after the questions of preflight."""
    settings = load_settings(chosen.profile, chosen.set)
    command = name_workflow_command(settings, "create")
    variant = choose_variant(settings, chosen.variant, compiles=True)
    if settings.compute == "kubernetes":
        # Who has Argo Events says so: ARGS=--auto-emit-argo-events. Without, each run complains.
        command.append("--no-auto-emit-argo-events")
    prepare(settings, "create", chosen.skip)
    return start_flow([*command, *name_changes(chosen.set), *chosen.more], variant, chosen.profile)
