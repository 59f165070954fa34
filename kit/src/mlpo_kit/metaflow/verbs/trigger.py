"""Start one run of the workflow."""

from __future__ import annotations

import argparse

from mlpo_kit.config.settings import check_settings, read_profile
from mlpo_kit.metaflow.launch import name_changes, name_workflow_command, prepare, start_flow
from mlpo_kit.metaflow.variants import choose_variant
from mlpo_kit.metaflow.verbs.options import add_changes, add_options
from mlpo_kit.runs.changes import apply_changes
from mlpo_kit.runs.pipeline import load_pipeline

HELP = "start the workflow once; --set train.epochs=5 changes a setting"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --variant and --set; other arguments go to Metaflow."""
    add_options(parser, profile="cluster")
    add_changes(parser)


def run(chosen: argparse.Namespace) -> int:
    """Start a run; raises PipelineError for a setting that the workflow can't change any more."""
    document = read_profile(chosen.profile)
    settings = check_settings(document)
    command = name_workflow_command(settings, "trigger")
    check_settings(apply_changes(document, chosen.set, [f"{load_pipeline().training_stage}.nodes"]))
    prepare(settings, "trigger")
    variant = choose_variant(settings, chosen.variant, compiles=True)
    return start_flow(
        [*command, *name_changes(chosen.set), *chosen.extra_arguments], variant, chosen.profile
    )
