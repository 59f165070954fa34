"""Train in several processes, one per GPU, started by torchrun. Managed by mlpo.

    python -m torch.distributed.run --nproc-per-node 8 -m <package>.kit.torchrun JOB

JOB is what `job_of` wrote: it holds all that a process needs, on whichever machine. Process 0
leaves what the stage returns in the store, and how far it is.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from .. import settings
from ..stages import Trained
from .device import choose
from .errors import PipelineError
from .store import SCRATCH, Ref
from .workspace import Run, Workspace

Launch = Callable[[Workspace, Ref, Callable[[dict[str, Any]], Any]], Trained | None]

PACKAGE = __package__.rpartition(".")[0]
LAUNCHER = "TRAINING_LAUNCHER"  # the process that waits for what comes of it
LOOK = 0.5  # seconds between two looks at how far it is
GRACE = 20  # seconds for all to end, once there is a result


@dataclass(frozen=True)
class Nodes:
    """This machine among those that train together, and where they meet."""

    count: int = 1
    number: int = 0
    address: str = "127.0.0.1"
    port: int = 0  # 0: any free one, where there is one machine


def job_of(work: Workspace, splits: Ref) -> str:
    """All that the processes need to know, as one line of JSON."""
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
            "splits": asdict(splits),
        }
    )


def launch(
    work: Workspace,
    splits: Ref,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    nodes: Nodes | None = None,
) -> Trained | None:
    """Start this machine's processes and wait; returns what process 0 did, if it ran here.

    `on_epoch` is told of each epoch as it ends. Raises PipelineError when the device that the
    settings ask for is not there, or a process fails or dies: torchrun then ends the others, and
    those of other machines give up after `train.timeout_seconds`.
    """
    train, nodes, told = work.run.settings.train, nodes or Nodes(), 0
    if train.nodes != nodes.count:
        raise PipelineError(
            f"train.nodes is {train.nodes}, and this training was started on {nodes.count}: "
            "README.md says what starts it on several machines"
        )
    choose(train.device, of=train.processes)
    if nodes.number == 0:
        forget(work)
    command = [
        *(sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={train.processes}"),
        *_meeting(nodes, train.timeout_seconds),
        *("-m", f"{PACKAGE}.kit.torchrun", job_of(work, splits)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(train.threads)}
    environment[LAUNCHER] = str(os.getpid())
    if work.run.settings.is_remote:  # fetched once, for all processes of this machine
        work.open(splits)
        environment[SCRATCH] = str(work.store.folder(""))
    if nodes.address == Nodes.address:  # no name of this machine has to resolve
        environment = {"GLOO_SOCKET_IFNAME": "lo", **environment}
    process = subprocess.Popen(command, env=environment, cwd=settings.ROOT)
    try:
        while process.poll() is None and not _is_done(work):
            time.sleep(LOOK)
            told = tell(work, on_epoch, told)
        with suppress(subprocess.TimeoutExpired):  # it waits for a machine that is lost meanwhile
            process.wait(GRACE)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait()
    tell(work, on_epoch, told)
    if process.returncode and not _is_done(work):
        raise PipelineError(
            f"one of the {train.processes * nodes.count} training processes ended with an error "
            f"(torchrun: exit code {process.returncode}): {failure(work) or 'see above'}"
        )
    return None if nodes.number else outcome(work)


def _meeting(nodes: Nodes, timeout: float) -> list[str]:
    if nodes.count == 1:
        return ["--standalone"]
    return [
        f"--nnodes={nodes.count}",
        f"--node-rank={nodes.number}",
        f"--master-addr={nodes.address}",
        f"--master-port={nodes.port}",
        f"--rdzv-conf=timeout={math.ceil(timeout)}",
    ]


def forget(work: Workspace) -> None:
    """Delete what an earlier try left."""
    work.store.delete([_result(work), _progress(work), _failure(work)])


def outcome(work: Workspace) -> Trained:
    """What process 0 says came of it. Raises PipelineError where it says nothing."""
    try:
        return TypeAdapter(Trained).validate_python(work.store.read_json(_result(work)))
    except FileNotFoundError:
        raise PipelineError(
            f"the training ended well, and left no {_result(work)} in the store: do all machines "
            "see the same store (storage_root)?"
        ) from None


def failure(work: Workspace) -> str | None:
    """The error of the process that failed first, if it could still say it."""
    with suppress(FileNotFoundError):
        return work.store.read(_failure(work)).decode()
    return None


def tell(work: Workspace, on_epoch: Callable[[dict[str, Any]], Any] | None, told: int) -> int:
    """Tell of the epochs that ended since; returns how many were told of in all."""
    if on_epoch is None:
        return told
    with suppress(FileNotFoundError):
        epochs = work.store.read_json(_progress(work))
        for epoch in epochs[told:]:
            on_epoch(epoch)
        return len(epochs)
    return told


def _is_done(work: Workspace) -> bool:
    """Whether process 0 has left a result; then it no longer matters how the others end."""
    with suppress(FileNotFoundError):
        return bool(work.store.read(_result(work)))
    return False


def _result(work: Workspace) -> str:
    return f"runs/{work.run.id}/{work.stage}/result.json"


def _progress(work: Workspace) -> str:
    return f"runs/{work.run.id}/{work.stage}/progress.json"


def _failure(work: Workspace) -> str:
    return f"runs/{work.run.id}/{work.stage}/failure.txt"


def main(job: str) -> None:
    """One of the processes: train with the others. What goes wrong is left in the store, too."""
    from ..stages.train import fit
    from .group import joined

    threading.Thread(target=end_with_parents, args=[os.getppid()], daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    said = json.loads(job)
    config = settings.from_document(said["settings"])
    run = Run(said["run_id"], said["orchestrator"], config, said["resumes"], said["use_cache"])
    work = Workspace(run, said["stage"], said["key"])
    epochs: list[dict[str, Any]] = []

    def note(epoch: Any) -> None:
        epochs.append(asdict(epoch))
        work.store.write_json(_progress(work), epochs)

    try:
        with joined(config.train.device, config.train.timeout_seconds) as group:
            if not group.leads:
                logging.disable(logging.INFO)
            trained = fit(config.train, work, Ref(**said["splits"]), group, note)
            if trained is not None:
                work.store.write_json(_result(work), asdict(trained))
    except Exception as error:
        if failure(work) is None:  # the others fail because the first did
            said = str(error) if isinstance(error, PipelineError) else repr(error)
            work.store.write(_failure(work), said[:500].encode())
        raise


def end_with_parents(torchrun: int) -> None:
    """End this process when torchrun or the stage was killed: nobody else would."""
    stage = int(os.environ.get(LAUNCHER, os.getpid()))
    with suppress(ProcessLookupError):
        while os.getppid() == torchrun:
            os.kill(stage, 0)  # raises when there is no such process
            time.sleep(LOOK)
    os._exit(1)


if __name__ == "__main__":
    code = 1
    try:
        main(sys.argv[1])
        code = 0
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    atexit._run_exitfuncs()
    # At Python's own end, threads of torch abort the process now and then, or wait for others.
    os._exit(code)
