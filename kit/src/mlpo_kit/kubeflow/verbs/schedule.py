"""Schedule this version of the pipeline on the cluster."""

from __future__ import annotations

import argparse

from mlpo_kit.kubeflow.verbs.options import (
    add_compile_options,
    add_cron,
    check_cron,
    compile_chosen,
)

HELP = "schedule the pipeline on the cluster, replacing its last schedule"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --set, --no-cache, --sweep and --cron."""
    add_compile_options(parser)
    add_cron(parser)


def run(chosen: argparse.Namespace) -> int:
    """Schedule the pipeline, and print the schedule's id."""
    from mlpo_kit.kubeflow import server
    from mlpo_kit.kubeflow.compiling import check_ready

    check_cron(chosen.cron)
    compiled = compile_chosen(chosen)
    check_ready(compiled)
    client = server.connect(compiled.cluster.namespace)
    print(server.schedule_runs(client, compiled, chosen.cron))
    return 0
