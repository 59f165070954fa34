"""Write the pipeline for the cluster to build/."""

from __future__ import annotations

import argparse

from mlpo_kit.kubeflow.verbs.options import add_compile_options, compile_chosen

HELP = "write the pipeline for the cluster to build/pipeline.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pipeline."""
    add_compile_options(parser)


def run(chosen: argparse.Namespace) -> int:
    """Write it, and print which image it needs."""
    from mlpo_kit.cluster.image import name_image

    compiled = compile_chosen(chosen)
    print(f"{compiled.path}: {compiled.pipeline} {compiled.version}")
    print(f"needs the image {name_image(compiled.cluster)}")
    return 0
