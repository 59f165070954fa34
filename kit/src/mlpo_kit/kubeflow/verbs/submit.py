"""Run this version of the pipeline on the cluster; upload it first if it is new."""

from __future__ import annotations

import argparse

from mlpo_kit.kubeflow.verbs.options import add_compile_options, compile_chosen

HELP = "run the pipeline on the cluster that KF_PIPELINES_ENDPOINT names"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --set, --no-cache and --sweep."""
    add_compile_options(parser)


def run(chosen: argparse.Namespace) -> int:
    """Start a run, and print its address."""
    from mlpo_kit.kubeflow import server
    from mlpo_kit.kubeflow.compiling import check_ready

    compiled = compile_chosen(chosen)
    check_ready(compiled)
    print(server.start_run(server.connect(compiled.cluster.namespace), compiled))
    return 0
