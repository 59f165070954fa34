"""Train in several processes, one per GPU, started by torchrun.

    python -m torch.distributed.run --nproc-per-node 8 -m mlpo_kit.training.worker JOB

JOB is what `describe_job` wrote: it holds all that a process needs, on whichever machine. Process 0
leaves what the stage returns in the store, and how far it is.

torchrun is a process, and an error goes through the store, as torch 2.13 has nothing better here:
`elastic_launch` blocks while epochs are to be reported, waits 300 seconds for a machine that is
lost after the result is there, which no option changes, and unless told otherwise replaces the
caller's signal handlers for good. `@record` leaves its file on one machine, dated in whole seconds:
of processes that end as fast as ours it mostly names one whose peer was gone.
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
from mlpo_kit.runs.workspace import Workspace
from mlpo_kit.store.base import SCRATCH, Ref
from mlpo_kit.training.device import choose_device

Inputs = Mapping[str, Ref]
OnEpoch = Callable[[dict[str, Any]], Any]
# Starts the processes: the workspace, the function that each runs, its inputs, who is told.
Launch = Callable[[Workspace, Callable[..., Any], Inputs, OnEpoch], Any]

LAUNCHER = "MLPO_KIT_LAUNCHER"  # the id of the process that waits for the result
POLL_SECONDS = 0.5  # between two looks at how far it is
GRACE_SECONDS = 20  # for all to end, once there is a result


@dataclass(frozen=True)
class Node:
    """This machine among those that train together, and where they meet."""

    count: int = 1
    number: int = 0
    address: str = "127.0.0.1"
    port: int = 0  # 0: any free one, where there is one machine


def describe_job(work: Workspace, fit: Callable[..., Any], inputs: Inputs) -> str:
    """Describe all that the processes need to know, as one line of JSON."""
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
    """Start this machine's processes and wait; returns the stage's result, if process 0 ran here.

    Each process calls `fit(settings, work, group, on_epoch, **inputs)`. `on_epoch` is told of each
    epoch as it ends. Raises PipelineError when the device that the settings ask for is not there,
    or a process fails or dies: torchrun then ends the others, and those of other machines give up
    after `timeout_seconds`.
    """
    name = work.run.pipeline.training_stage
    settings, node = getattr(work.run.settings, name), node or Node()
    if settings.nodes != node.count:
        raise PipelineError(
            f"{name}.nodes is {settings.nodes}, and this training was started on {node.count}: "
            "README.md says what starts it on several machines"
        )
    choose_device(settings.device, of=settings.processes)
    if node.number == 0:
        clear_earlier_try(work)
    command = [
        *(sys.executable, "-m", "torch.distributed.run"),
        f"--nproc-per-node={settings.processes}",
        *_make_meeting_flags(node, settings.timeout_seconds),
        *("-m", "mlpo_kit.training.worker", describe_job(work, fit, inputs)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(settings.threads)}
    environment[LAUNCHER] = str(os.getpid())
    if work.run.settings.is_remote:  # fetched once, for all processes of this machine
        for ref in inputs.values():
            work.open(ref)
        environment[SCRATCH] = str(work.store.folder(""))
    if node.address == Node.address:  # no name of this machine has to resolve
        environment = {"GLOO_SOCKET_IFNAME": "lo", **environment}
    process = subprocess.Popen(command, env=environment, cwd=find_project().root)
    reported = 0
    try:
        while process.poll() is None and not _has_result(work):
            time.sleep(POLL_SECONDS)
            reported = _report_epochs(work, on_epoch, reported)
        with suppress(subprocess.TimeoutExpired):  # it waits for a machine that is lost meanwhile
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
    """Delete what an earlier try of the same stage left."""
    work.store.delete([locate(work, name) for name in ("result.json", "epochs.json", "error.txt")])


def read_result(work: Workspace) -> Any:
    """Read what process 0 returned. Raises PipelineError where it left nothing."""
    result = work.run.pipeline[work.run.pipeline.training_stage].result
    try:
        document = work.store.read_json(locate(work, "result.json"))
    except FileNotFoundError:
        raise PipelineError(
            f"the training ended well, and left no {locate(work, 'result.json')} in the store: do "
            "all machines see the same store (storage_root)?"
        ) from None
    return TypeAdapter(result).validate_python(document)


def read_failure(work: Workspace) -> str | None:
    """Read the error of the process that failed first, if it could still write it."""
    with suppress(FileNotFoundError):
        return work.store.read(locate(work, "error.txt")).decode()
    return None


def locate(work: Workspace, name: str) -> str:
    """Return the key of a file in which the processes report."""
    return f"runs/{work.run.id}/{work.stage}/{name}"


def _report_epochs(work: Workspace, on_epoch: OnEpoch | None, reported: int) -> int:
    """Tell of the epochs that ended since; returns how many were told of in all."""
    if on_epoch is None:
        return reported
    with suppress(FileNotFoundError):
        epochs = work.store.read_json(locate(work, "epochs.json"))
        for epoch in epochs[reported:]:
            on_epoch(epoch)
        return len(epochs)
    return reported


def _has_result(work: Workspace) -> bool:
    """Whether process 0 has left a result; then it no longer matters how the others end."""
    with suppress(FileNotFoundError):
        return bool(work.store.read(locate(work, "result.json")))
    return False
