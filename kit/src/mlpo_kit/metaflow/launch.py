"""Start Metaflow with the settings that a profile requires.

Metaflow reads its settings when it is imported, so they are set here first, and the flow runs in a
separate process. Workflows run on Argo Workflows, or with `compute: batch` on Step Functions.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Sequence

from mlpo_kit.cluster.description import check_filled_in
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import (
    BaseSettings,
    check_registry_is_shared,
    find_profile,
    load_settings,
)
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.children import INTERRUPTED, Children
from mlpo_kit.metaflow.description import (
    MetaflowCluster,
    list_variables,
    read_metaflow_cluster,
)
from mlpo_kit.metaflow.variants import (
    FLOW_FILE,
    SWEEP,
    VARIANT,
    choose_variant,
    find_kill_signal,
)
from mlpo_kit.runs.deaths import describe_signal, record_deaths
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.summary import read_latest_id
from mlpo_kit.store import open_store

SCHEDULERS = {"kubernetes": "argo-workflows", "batch": "step-functions"}
RUNS = ("run", "resume")


def run_flow(
    profile: str,
    changes: Sequence[str] = (),
    use_cache: bool = True,
    sweep: str | None = None,
    skip: Collection[str] = (),
    metaflow_options: Sequence[str] = (),
) -> int:
    """Run the flow with a profile and `changes` such as `train.epochs=5`; return the exit code.

    `sweep` is a sweep file: its name in configs/ or a path. `skip` names the checks of the cluster
    to leave out. `metaflow_options` are passed to Metaflow's `run`.
    """
    settings = load_settings(profile, changes)
    variant = choose_variant(settings, SWEEP if sweep else None)
    options = []
    if sweep:
        from mlpo_kit.search.sweep import plan_sweep, read_sweep

        space = read_sweep(sweep)
        plan_sweep(space, settings, sweep)  # raises if the file is wrong, before Metaflow starts
        options = ["--config-value", "space", json.dumps(space)]
    arguments = name_changes(changes)
    if not use_cache:
        arguments.append("--no-cache")
    prepare(settings, "run", skip)
    command = [*options, "run", *arguments, *metaflow_options]
    return start_run(settings, command, variant, profile)


def name_changes(changes: Sequence[str]) -> list[str]:
    """Return the `--set` options for changes such as `train.epochs=5`."""
    return [word for change in changes for word in ("--set", change)]


def name_workflow_command(settings: BaseSettings, verb: str) -> list[str]:
    """Return Metaflow's command that creates, triggers or deletes a workflow.

    Raises PipelineError if the profile runs on this machine.
    """
    if settings.compute == "local":
        raise PipelineError(
            f"nothing to {verb}: this profile runs on this machine. Choose a profile with another "
            "`compute`, as in `make workflow PROFILE=cluster`"
        )
    return [SCHEDULERS[settings.compute], verb]


def prepare(settings: BaseSettings, verb: str, skip: Collection[str] = ()) -> None:
    """Set Metaflow's variables for the cluster; raises PipelineError if nothing could run there.

    Metaflow waits for days for a pod that can't start, so the cluster is checked first.
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

        # For a workflow, it is enough that the pods can reach the model registry.
        skipped = [*skip, *([] if verb in RUNS else ["registry"])]
        if obstacles := find_obstacles(settings, cluster, skipped):
            raise PipelineError("\n  - ".join(["nothing could run there:", *obstacles]))
        BucketStore(cluster.metaflow.datastore, 0)  # raises if the bucket can't be used


def check_region() -> None:
    """Raise PipelineError if no AWS region is set."""
    from botocore.session import get_session

    if not get_session().get_config_variable("region"):
        raise PipelineError("no region is set for AWS Batch: set AWS_DEFAULT_REGION")


def check_address(cluster: MetaflowCluster) -> None:
    """Raise PipelineError if the bucket's address differs between this machine and the tasks.

    Metaflow also sets a task's variables in the local process that waits for the task.
    """
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        in_tasks, here = cluster.variables.get(name), os.environ.get(name)
        if in_tasks and in_tasks != here:
            raise PipelineError(
                f"{name} is {in_tasks} in deploy/cluster.yaml and {here or 'not set'} here: a run "
                "that you start from here needs the same address in both. A workflow does not: "
                "use `make workflow`"
            )


def start_run(
    settings: BaseSettings, arguments: Sequence[str], variant: str, profile: str | None = None
) -> int:
    """Start a run as `start_flow` does; record which signal killed a task of it."""
    code = start_flow(arguments, variant, profile)
    if code != 0 and settings.compute == "local":
        store = open_store(settings)
        run_id = read_latest_id(store)
        number = None if run_id is None else find_kill_signal(run_id)
        if run_id is not None and number is not None:
            record_deaths(store, load_pipeline(), run_id, describe_signal(number))
    return code


def start_flow(arguments: Sequence[str], variant: str, profile: str | None = None) -> int:
    """Run the flow's file as a process and return its exit code, 130 if it was interrupted.

    Signals are passed on to Metaflow, which stops its tasks and pods before it exits. Raises
    PipelineError if its process was killed.
    """
    if profile is not None:  # a full path, as the process starts in the project's folder
        arguments = ["--config", "config", str(find_profile(profile).resolve()), *arguments]
    project = find_project()
    file = FLOW_FILE if project.copy is None else str(project.copy / FLOW_FILE)
    command = [sys.executable, file, *arguments]
    with Children() as children:
        code = children.run(command, {VARIANT: variant}, project.root)
    if children.is_interrupted:
        return INTERRUPTED
    if code < 0:
        raise PipelineError(f"the process of Metaflow was {describe_signal(-code)}")
    return code
