"""How the machines of one training find each other: through the store.

Machine 0 runs the stage. It leaves word of the port where it waits and of the work's cache key; the
others wait for that word, and answer. Whoever is missing ends the training after `timeout_seconds`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from importlib import import_module
from typing import Any

from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.store.base import Ref
from mlpo_kit.training.device import choose_device
from mlpo_kit.training.processes import (
    POLL_SECONDS,
    Inputs,
    Launch,
    Node,
    OnEpoch,
    clear_earlier_try,
    launch_processes,
)


def lead_nodes(node: Node, attempt: int = 0) -> Launch:
    """Return what the stage is to launch on machine 0; `attempt` numbers the tries of one run.

    That raises PipelineError when a machine does not come, or one of the processes fails.
    """

    def launch(work: Workspace, fit: Callable[..., Any], inputs: Inputs, on_epoch: OnEpoch) -> Any:
        settings, place = _find_settings(work.run), _locate_meeting(work.run, attempt)
        choose_device(settings.device, of=settings.processes)  # before anybody waits for it
        port = find_free_port()
        clear_earlier_try(work)
        word = {"key": work.key, "port": port, "fit": f"{fit.__module__}:{fit.__qualname__}"}
        work.store.write_json(f"{place}/0.json", word)
        others = {f"{number}.json" for number in range(1, node.count)}
        try:
            _wait_for(
                work.run,
                lambda: others <= set(work.store.children(place)),
                lambda: _name_missing(others - set(work.store.children(place))),
            )
            return launch_processes(work, fit, inputs, on_epoch, replace(node, port=port))
        finally:
            work.store.delete_tree(place)

    return launch


def follow_lead(run: Run, inputs: dict[str, Ref], node: Node, attempt: int = 0) -> None:
    """Train as one of the other machines; where machine 0 reuses a result, there is nothing to do.

    Raises PipelineError when machine 0 does not begin, or one of the processes fails.
    """
    settings, place = _find_settings(run), _locate_meeting(run, attempt)
    choose_device(settings.device, of=settings.processes)
    _wait_for(
        run,
        lambda: _read_word(run, place) is not None or _is_reused(run),
        lambda: "machine 0 did not begin",
    )
    word = _read_word(run, place)
    if word is None:
        return
    run.store.write_json(f"{place}/{node.number}.json", {})
    work = Workspace(run, run.pipeline.training_stage, word["key"])
    module, _, name = word["fit"].partition(":")
    fit = getattr(import_module(module), name)
    launch_processes(work, fit, inputs, None, replace(node, port=word["port"]))


def find_free_port() -> int:
    """Find a port of this machine that nobody uses."""
    with closing(socket.socket()) as sock:
        sock.bind(("", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_for(run: Run, is_there: Callable[[], bool], describe_missing: Callable[[], str]) -> None:
    timeout = _find_settings(run).timeout_seconds
    end = time.monotonic() + timeout
    while not is_there():
        if time.monotonic() > end:
            raise PipelineError(
                f"{describe_missing()} within {timeout:g} seconds "
                f"({run.pipeline.training_stage}.timeout_seconds): did it start, and do all "
                "machines see the same store (storage_root)?"
            )
        time.sleep(POLL_SECONDS)


def _find_settings(run: Run) -> Any:
    return getattr(run.settings, run.pipeline.training_stage)


def _locate_meeting(run: Run, attempt: int) -> str:
    return f"runs/{run.id}/{run.pipeline.training_stage}/meeting-{attempt}"


def _read_word(run: Run, place: str) -> dict[str, Any] | None:
    """What machine 0 left."""
    with suppress(FileNotFoundError):
        word: dict[str, Any] = run.store.read_json(f"{place}/0.json")
        return word
    return None


def _is_reused(run: Run) -> bool:
    """Whether machine 0 was served from the cache, where another run was quicker."""
    record = read_record(run.store, run.id, run.pipeline.training_stage)
    return record is not None and record.state == "reused"


def _name_missing(files: set[str]) -> str:
    names = ", ".join(sorted(name.removesuffix(".json") for name in files))
    return f"machine {names} did not come"
