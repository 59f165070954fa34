"""Train in several processes, one per GPU, started by torchrun.

    python -m mlpo_kit.training.torchrun --nproc-per-node 8 -m mlpo_kit.training.worker JOB

JOB is the text from `describe_job`: everything that a process needs, on any machine. Process 0
writes its progress and the stage's result to the store.

torchrun runs as a subprocess, and errors go through the store, because torch 2.13 offers nothing
better. `elastic_launch` blocks while epochs have to be reported, waits 300 seconds, which no option
changes, for a machine that is lost after the result is written, and by default replaces the
caller's signal handlers for good. `@record` writes its file on one machine only, with times in
whole seconds: when processes end this quickly, it mostly names one whose peer had failed before.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.parents import name_parents
from mlpo_kit.runs.workspace import Workspace
from mlpo_kit.store.base import SCRATCH, Ref
from mlpo_kit.training.device import choose_device

Inputs = Mapping[str, Ref]
OnEpoch = Callable[[dict[str, Any]], Any]
# Starts the processes; takes the workspace, the function to run, its inputs, and a callback.
Launch = Callable[[Workspace, Callable[..., Any], Inputs, OnEpoch], Any]

LAUNCHER = "MLPO_KIT_LAUNCHER"  # the id of the process that waits for the result
POLL_SECONDS = 0.5  # between two checks of the progress
GRACE_SECONDS = 20  # for all processes to end after the result is written


@dataclass(frozen=True)
class Node:
    """This machine's number among those that train together, and the address of machine 0."""

    count: int = 1
    number: int = 0
    address: str = "127.0.0.1"
    port: int = 0  # 0: any free port, for a single machine


def describe_job(work: Workspace, fit: Callable[..., Any], inputs: Inputs) -> str:
    """Describe everything that the processes need, as one line of JSON."""
    run = work.run
    return json.dumps(
        {
            "run_id": run.id,
            "orchestrator": run.orchestrator,
            "resumes": run.resumes,
            "use_cache": run.use_cache,
            "settings": to_jsonable_python(run.settings),
            "stage": work.stage,
            "key": work.key,
            "fit": f"{fit.__module__}:{fit.__qualname__}",
            "inputs": {name: asdict(ref) for name, ref in inputs.items()},
        }
    )


def launch_processes(
    work: Workspace,
    fit: Callable[..., Any],
    inputs: Inputs,
    on_epoch: OnEpoch | None = None,
    node: Node | None = None,
) -> Any:
    """Start this machine's processes and wait for them.

    Each process calls `fit(settings, work, group, on_epoch, **inputs)`. `on_epoch` is called after
    each epoch. Returns the stage's result if process 0 ran on this machine, else None. Raises
    PipelineError if the device in the settings is not available, or a process fails or dies: then
    torchrun ends the others, and those of other machines fail after `timeout_seconds`.
    """
    name = work.run.pipeline.training_stage
    settings, node = getattr(work.run.settings, name), node or Node()
    if settings.nodes != node.count:
        raise PipelineError(
            f"{name}.nodes is {settings.nodes}, but this training was started on {node.count}: "
            "README.md explains how to start it on several machines"
        )
    choose_device(settings.device, of=settings.processes)
    if node.number == 0:
        clear_earlier_try(work)
    command = [
        *(sys.executable, "-m", "mlpo_kit.training.torchrun"),
        f"--nproc-per-node={settings.processes}",
        *_make_meeting_flags(node, settings.timeout_seconds),
        *("-m", "mlpo_kit.training.worker", describe_job(work, fit, inputs)),
    ]
    threads = {"OMP_NUM_THREADS": str(settings.threads)}
    environment = {**os.environ, **name_parents(), **threads}
    environment[LAUNCHER] = str(os.getpid())
    if work.run.settings.is_remote:  # download once for all processes of this machine
        for ref in inputs.values():
            work.open(ref)
        environment[SCRATCH] = str(work.store.folder(""))
    if node.address == Node.address:  # works even if this machine's host name does not resolve
        environment = {"GLOO_SOCKET_IFNAME": "lo", **environment}
    process = subprocess.Popen(command, env=environment, cwd=find_project().root)
    reported = 0
    try:
        while process.poll() is None and not _has_result(work):
            time.sleep(POLL_SECONDS)
            reported = _report_epochs(work, on_epoch, reported)
        with suppress(subprocess.TimeoutExpired):  # it may wait for a machine that was lost
            process.wait(GRACE_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait()
    _report_epochs(work, on_epoch, reported)
    if process.returncode and not _has_result(work):
        raise PipelineError(
            f"one of the {settings.processes * node.count} training processes ended with an error "
            f"(torchrun: exit code {process.returncode}): {read_failure(work) or 'see above'}"
        )
    return None if node.number else read_result(work)


def _make_meeting_flags(node: Node, timeout: float) -> list[str]:
    if node.count == 1:
        return ["--standalone"]
    return [
        f"--nnodes={node.count}",
        f"--node-rank={node.number}",
        f"--master-addr={node.address}",
        f"--master-port={node.port}",
        f"--rdzv-conf=timeout={math.ceil(timeout)}",
    ]


def clear_earlier_try(work: Workspace) -> None:
    """Delete the files of an earlier attempt at the same stage."""
    work.store.delete([locate(work, name) for name in ("result.json", "epochs.json", "error.txt")])


def read_result(work: Workspace) -> Any:
    """Read the result of process 0; raises PipelineError if there is none."""
    result = work.run.pipeline[work.run.pipeline.training_stage].result
    try:
        document = work.store.read_json(locate(work, "result.json"))
    except FileNotFoundError:
        raise PipelineError(
            f"the training succeeded but left no {locate(work, 'result.json')} in the store: do "
            "all machines see the same store (storage_root)?"
        ) from None
    return TypeAdapter(result).validate_python(document)


def read_failure(work: Workspace) -> str | None:
    """Read the error of the process that failed first; None if it could not write one."""
    with suppress(FileNotFoundError):
        return work.store.read(locate(work, "error.txt")).decode()
    return None


def locate(work: Workspace, name: str) -> str:
    """Return the key of a file that the processes write to the store."""
    return f"runs/{work.run.id}/{work.stage}/{name}"


def _report_epochs(work: Workspace, on_epoch: OnEpoch | None, reported: int) -> int:
    """Call `on_epoch` for new epochs; returns the number of epochs reported in total."""
    if on_epoch is None:
        return reported
    with suppress(FileNotFoundError):
        epochs = work.store.read_json(locate(work, "epochs.json"))
        for epoch in epochs[reported:]:
            on_epoch(epoch)
        return len(epochs)
    return reported


def _has_result(work: Workspace) -> bool:
    """Whether process 0 has written the result; then it no longer matters how the others end."""
    with suppress(FileNotFoundError):
        return bool(work.store.read(locate(work, "result.json")))
    return False
