"""Delete the workflow and its schedule; a run that has started continues."""

from __future__ import annotations

import argparse

from mlpo_kit.config.settings import load_settings
from mlpo_kit.metaflow.launch import name_workflow_command, prepare, start_flow
from mlpo_kit.metaflow.variants import choose_variant
from mlpo_kit.metaflow.verbs.options import add_options

HELP = "delete the workflow and its schedule; a run that has started continues"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile and --variant; other arguments go to Metaflow."""
    add_options(parser, profile="cluster")


def run(chosen: argparse.Namespace) -> int:
    """Delete the workflow."""
    settings = load_settings(chosen.profile)
    command = name_workflow_command(settings, "delete")
    prepare(settings, "delete")
    variant = choose_variant(settings, chosen.variant, compiles=True)
    return start_flow([*command, *chosen.extra_arguments], variant, chosen.profile)
