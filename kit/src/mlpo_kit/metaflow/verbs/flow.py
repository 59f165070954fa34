"""Run any other Metaflow command with the settings of the cluster."""

from __future__ import annotations

import argparse

from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.launch import prepare, start_flow
from mlpo_kit.metaflow.variants import choose_variant
from mlpo_kit.metaflow.verbs.options import add_options

HELP = "run another Metaflow command with the cluster's settings: flow kubernetes kill"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile and --variant; other arguments go to Metaflow."""
    add_options(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run the Metaflow command."""
    if not chosen.extra_arguments:
        raise PipelineError("name a Metaflow command, such as flow show or flow kubernetes kill")
    settings = load_settings(chosen.profile)
    prepare(settings, "flow")
    return start_flow(
        chosen.extra_arguments, choose_variant(settings, chosen.variant), chosen.profile
    )
