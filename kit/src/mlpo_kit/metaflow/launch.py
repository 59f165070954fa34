"""Start Metaflow where a profile says.

Metaflow looks for its settings when it is imported: that is why they are set before, here, and a
flow runs in a process of its own. A workflow belongs to Argo Workflows, or with `compute: batch` to
Step Functions.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from typing import Any

from mlpo_kit.cluster.description import check_filled_in
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import (
    BaseSettings,
    check_registry_is_shared,
    find_profile,
    load_settings,
)
from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.description import (
    MetaflowCluster,
    list_variables,
    read_metaflow_cluster,
)
from mlpo_kit.metaflow.variants import FLOW_FILE, SWEEP, VARIANT, choose_variant

SCHEDULERS = {"kubernetes": "argo-workflows", "batch": "step-functions"}
RUNS = ("run", "resume")
INTERRUPTED = 130


def run_flow(
    profile: str,
    changes: Sequence[str] = (),
    use_cache: bool = True,
    sweep: str | None = None,
    skip: Collection[str] = (),
    more: Sequence[str] = (),
) -> int:
    """Run the flow of a profile, with `changes` such as `train.epochs=5`; returns the exit code.

    `sweep` is the file of a sweep, by its name in configs/ or by a path, `skip` what a cluster is
    not asked before, `more` for Metaflow's `run`.
    """
    settings = load_settings(profile, changes)
    variant = choose_variant(settings, SWEEP if sweep else None)
    options = []
    if sweep:
        from mlpo_kit.search.sweep import plan_sweep, read_sweep

        space = read_sweep(sweep)
        plan_sweep(space, settings)  # before Metaflow starts: it is wrong, or it is not
        options = ["--config-value", "space", json.dumps(space)]
    arguments = name_changes(changes)
    if not use_cache:
        arguments.append("--no-cache")
    prepare(settings, "run", skip)
    return start_flow([*options, "run", *arguments, *more], variant, profile)


def name_changes(changes: Sequence[str]) -> list[str]:
    """Return the options of a flow for changes such as `train.epochs=5`."""
    return [word for change in changes for word in ("--set", change)]


def name_workflow_command(settings: BaseSettings, verb: str) -> list[str]:
    """Name Metaflow's command that creates, triggers or deletes a workflow.

    Raises PipelineError where the profile runs on this machine.
    """
    if settings.compute == "local":
        raise PipelineError(
            f"nothing to {verb}: this profile runs on this machine. Name one with another "
            "`compute`, as in `make workflow PROFILE=cluster`"
        )
    return [SCHEDULERS[settings.compute], verb]


def prepare(settings: BaseSettings, verb: str, skip: Collection[str] = ()) -> None:
    """Tell Metaflow of the cluster; raises PipelineError where nothing could run there.

    Once it has asked for a pod, Metaflow waits for it for days, whatever the reason may be.
    """
    if settings.compute == "local":
        return
    cluster = read_metaflow_cluster(settings)
    check_filled_in(cluster, settings)
    os.environ.update(list_variables(cluster))
    if settings.compute == "batch":
        check_region()
    if verb in RUNS:
        check_registry_is_shared(settings)
        check_address(cluster)
    if verb in (*RUNS, "create"):
        from mlpo_kit.cluster.preflight import find_obstacles
        from mlpo_kit.store.bucket import BucketStore

        # A workflow is created where only pods may reach the registry of models.
        unasked = [*skip, *([] if verb in RUNS else ["registry"])]
        if found := find_obstacles(settings, cluster, unasked):
            raise PipelineError("\n  - ".join(["nothing could run there:", *found]))
        BucketStore(cluster.metaflow.datastore, 0)  # is it there?


def check_region() -> None:
    """Raise PipelineError where AWS would not know which of its regions is meant."""
    from botocore.session import get_session

    if not get_session().get_config_variable("region"):
        raise PipelineError("name the region of AWS Batch: set AWS_DEFAULT_REGION")


def check_address(cluster: MetaflowCluster) -> None:
    """Raise PipelineError where the bucket has one address here and another one in the tasks.

    Metaflow gives the variables of a task to the process here that waits for it, too.
    """
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        theirs, ours = cluster.variables.get(name), os.environ.get(name)
        if theirs and theirs != ours:
            raise PipelineError(
                f"{name} is {theirs} in deploy/cluster.yaml and {ours or 'not set'} here: a run "
                "that is started from here needs one address for both. A workflow does not: "
                "`make workflow`"
            )


def start_flow(arguments: Sequence[str], variant: str, profile: str | None = None) -> int:
    """Start the flow's file as a process and wait for it; returns its exit code.

    A signal goes on to Metaflow, which ends its tasks and its pods before it ends.
    """
    if profile is not None:  # by its full path: the process starts in the project's folder
        arguments = ["--config", "config", str(find_profile(profile).resolve()), *arguments]
    environment = {**os.environ, VARIANT: variant}
    process = subprocess.Popen(
        [sys.executable, FLOW_FILE, *arguments], cwd=find_project().root, env=environment
    )
    interrupted = False

    def pass_on(number: int, _: Any) -> None:
        nonlocal interrupted
        interrupted = interrupted or number == signal.SIGINT
        # Ctrl-C at a terminal has reached Metaflow already; only by that it ends in good order.
        if number == signal.SIGTERM or not sys.stdin.isatty():
            process.send_signal(signal.SIGINT)

    before = {one: signal.signal(one, pass_on) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    return INTERRUPTED if interrupted else code
