"""Train in several processes, one per GPU, started by torchrun. Managed by mlpo.

    python -m torch.distributed.run --nproc-per-node 8 -m <package>.kit.torchrun JOB

JOB is what `job_of` wrote: it holds all that a process needs, on whichever machine. Process 0
leaves what the stage returns in the store, and how far it is.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from .. import settings
from ..stages import Trained
from .errors import PipelineError
from .store import Ref
from .workspace import Run, Workspace

PACKAGE = __package__.rpartition(".")[0]
LAUNCHER = "TRAINING_LAUNCHER"  # the process that waits for what comes of it
LOOK = 0.5  # seconds between two looks at how far it is


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
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    nodes: Nodes | None = None,
) -> Trained | None:
    """Start this machine's processes and wait; returns what process 0 did, if it ran here.

    `on_epoch` is told of each epoch as it ends. Raises PipelineError when a process fails or
    dies: torchrun then ends the others, and those of other machines give up after
    `train.timeout_seconds`.
    """
    train, nodes = work.run.settings.train, nodes or Nodes()
    store, told = work.store, 0
    store.delete([_result(work), _progress(work)])
    command = [
        *(sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={train.processes}"),
        *_meeting(nodes),
        *("-m", f"{PACKAGE}.kit.torchrun", job_of(work, splits)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(train.threads)}
    environment[LAUNCHER] = str(os.getpid())
    if nodes.count == 1:  # no name of this machine has to resolve
        environment = {"GLOO_SOCKET_IFNAME": "lo", **environment}
    process = subprocess.Popen(command, env=environment, cwd=settings.ROOT)
    try:
        while process.poll() is None:
            time.sleep(LOOK)
            told = _tell(work, on_epoch, told)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait()
    _tell(work, on_epoch, told)
    result: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        result = store.read_json(_result(work))
    if process.returncode:
        raise PipelineError(
            result.get("error")
            or f"one of the {train.processes * nodes.count} training processes ended with an error "
            f"(torchrun: exit code {process.returncode}): see above"
        )
    return None if nodes.number else TypeAdapter(Trained).validate_python(result)


def _meeting(nodes: Nodes) -> list[str]:
    if nodes.count == 1:
        return ["--standalone"]
    return [
        f"--nnodes={nodes.count}",
        f"--node-rank={nodes.number}",
        f"--master-addr={nodes.address}",
        f"--master-port={nodes.port}",
    ]


def _tell(work: Workspace, on_epoch: Callable[[dict[str, Any]], None] | None, told: int) -> int:
    """Tell of the epochs that ended since; returns how many were told of in all."""
    if on_epoch is None:
        return told
    with suppress(FileNotFoundError):
        epochs = work.store.read_json(_progress(work))
        for epoch in epochs[told:]:
            on_epoch(epoch)
        return len(epochs)
    return told


def _result(work: Workspace) -> str:
    return f"runs/{work.run.id}/{work.stage}/result.json"


def _progress(work: Workspace) -> str:
    return f"runs/{work.run.id}/{work.stage}/progress.json"


def main(job: str) -> None:
    """One of the processes: train with the others."""
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
    except PipelineError as error:
        work.store.write_json(_result(work), {"error": str(error)})
        sys.exit(f"error: {error}")


def end_with_parents(torchrun: int) -> None:
    """End this process when torchrun or the stage was killed: nobody else would."""
    stage = int(os.environ.get(LAUNCHER, os.getpid()))
    with suppress(ProcessLookupError):
        while os.getppid() == torchrun:
            os.kill(stage, 0)  # raises when there is no such process
            time.sleep(LOOK)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
