"""Run any other command of Metaflow, told of the cluster."""

from __future__ import annotations

import argparse

from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.launch import prepare, start_flow
from mlpo_kit.metaflow.variants import choose_variant
from mlpo_kit.metaflow.verbs.options import add_options

HELP = "any other command of Metaflow, told of the cluster: flow kubernetes kill"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The profile; what else there is belongs to Metaflow."""
    add_options(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run it."""
    if not chosen.more:
        raise PipelineError("name a command of Metaflow: flow show, flow kubernetes kill, ...")
    settings = load_settings(chosen.profile)
    prepare(settings, "flow")
    return start_flow(chosen.more, choose_variant(settings, chosen.variant), chosen.profile)
