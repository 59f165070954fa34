"""Upload this version of the pipeline if it is new, and run it on the cluster."""

from __future__ import annotations

import argparse

from mlpo_kit.kubeflow.verbs.options import add_compile_options, compile_chosen

HELP = "run it on the cluster that KF_PIPELINES_ENDPOINT names"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pipeline."""
    add_compile_options(parser)


def run(chosen: argparse.Namespace) -> int:
    """Start a run, and print where to see it."""
    from mlpo_kit.kubeflow import server
    from mlpo_kit.kubeflow.compiling import check_ready

    compiled = compile_chosen(chosen)
    check_ready(compiled)
    print(server.start_run(server.connect(compiled.cluster.namespace), compiled))
    return 0
