"""Compile the pipeline for the cluster into build/."""

from __future__ import annotations

import argparse

from mlpo_kit.kubeflow.verbs.options import add_compile_options, compile_chosen

HELP = "compile the pipeline for the cluster into build/pipeline.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --set, --no-cache and --sweep."""
    add_compile_options(parser)


def run(chosen: argparse.Namespace) -> int:
    """Compile the pipeline, and print which image it needs."""
    from mlpo_kit.cluster.image import name_image

    compiled = compile_chosen(chosen)
    print(f"{compiled.path}: {compiled.pipeline} {compiled.version}")
    print(f"needs the image {name_image(compiled.cluster)}")
    return 0
