"""How the machines of one training find each other: through the store. Managed by mlpo.

Machine 0 runs the stage. It leaves word of the port where it waits and of what the work is known
by; the others wait for that word, and answer. Whoever is missing ends the training after
`train.timeout_seconds`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from ..stages import TRAIN, Trained
from . import records, torchrun
from .device import choose
from .errors import PipelineError
from .store import Ref
from .torchrun import Launch, Nodes
from .workspace import Run, Workspace


def lead(nodes: Nodes, attempt: int = 0) -> Launch:
    """What `train` is to launch on machine 0; `attempt` numbers the tries of one run.

    That raises PipelineError when a machine does not come, or one of the processes fails.
    """

    def launch(
        work: Workspace, splits: Ref, on_epoch: Callable[[dict[str, Any]], Any]
    ) -> Trained | None:
        train, place = work.run.settings.train, _place(work.run, attempt)
        choose(train.device, of=train.processes)  # before anybody waits for this machine
        port = free_port()
        torchrun.forget(work)
        work.store.write_json(f"{place}/0.json", {"key": work.key, "port": port})
        others = {f"{number}.json" for number in range(1, nodes.count)}
        try:
            await_all(
                lambda: others <= set(work.store.children(place)),
                train.timeout_seconds,
                lambda: _missing(others - set(work.store.children(place))),
            )
            return torchrun.launch(work, splits, on_epoch, replace(nodes, port=port))
        finally:
            work.store.delete_tree(place)

    return launch


def follow(run: Run, splits: Ref, nodes: Nodes, attempt: int = 0) -> None:
    """Train as one of the other machines; where machine 0 finds a result, there is nothing to do.

    Raises PipelineError when machine 0 does not begin, or one of the processes fails.
    """
    train, place = run.settings.train, _place(run, attempt)
    choose(train.device, of=train.processes)
    await_all(
        lambda: _word(run, place) is not None or _is_served(run),
        train.timeout_seconds,
        lambda: "machine 0 did not begin",
    )
    word = _word(run, place)
    if word is None:
        return
    run.store.write_json(f"{place}/{nodes.number}.json", {})
    work = Workspace(run, TRAIN.name, word["key"])
    torchrun.launch(work, splits, None, replace(nodes, port=word["port"]))


def await_all(there: Callable[[], bool], timeout: float, missing: Callable[[], str]) -> None:
    """Wait until all are there; raises PipelineError that says who is missing."""
    end = time.monotonic() + timeout
    while not there():
        if time.monotonic() > end:
            raise PipelineError(
                f"{missing()} within {timeout:g} seconds (train.timeout_seconds): did it start, "
                "and do all machines see the same store (storage_root)?"
            )
        time.sleep(torchrun.LOOK)


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with closing(socket.socket()) as sock:
        sock.bind(("", 0))
        port: int = sock.getsockname()[1]
        return port


def _place(run: Run, attempt: int) -> str:
    return f"runs/{run.id}/{TRAIN.name}/meeting-{attempt}"


def _word(run: Run, place: str) -> dict[str, Any] | None:
    """What machine 0 left."""
    with suppress(FileNotFoundError):
        word: dict[str, Any] = run.store.read_json(f"{place}/0.json")
        return word
    return None


def _is_served(run: Run) -> bool:
    """Whether machine 0 was served from the cache, where another run was quicker."""
    record = records.read(run.store, run.id, TRAIN.name)
    return record is not None and (record.state, record.cache) == ("ok", "hit")


def _missing(files: set[str]) -> str:
    names = ", ".join(sorted(name.removesuffix(".json") for name in files))
    return f"machine {names} did not come"
