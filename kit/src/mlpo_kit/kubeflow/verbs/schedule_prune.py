"""Schedule pruning on the cluster: the deletion of what the retention policy does not keep."""

from __future__ import annotations

import argparse

from mlpo_kit.config.settings import read_profile
from mlpo_kit.kubeflow.verbs.options import add_cron, add_profile, check_cron

HELP = "schedule the prune on the cluster, replacing its last schedule"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile and --cron."""
    add_profile(parser)
    add_cron(parser)


def run(chosen: argparse.Namespace) -> int:
    """Schedule the prune pipeline, and print the schedule's id."""
    from mlpo_kit.kubeflow import server
    from mlpo_kit.kubeflow.compiling import check_ready, compile_prune

    check_cron(chosen.cron)
    compiled = compile_prune(read_profile(chosen.profile))
    check_ready(compiled)
    client = server.connect(compiled.cluster.namespace)
    print(server.schedule_runs(client, compiled, chosen.cron))
    return 0
