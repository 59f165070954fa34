"""Let the machines of one training find each other through the store.

Machine 0 runs the stage. It writes an invitation to the store, with the port where it waits and the
cache key; the other machines wait for it and answer with a file each. If a machine is missing after
`timeout_seconds`, the training fails.
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
    """Return the `launch` function for the stage on machine 0.

    `attempt` numbers the attempts of one run. The function raises PipelineError if a machine does
    not join or a process fails.
    """

    def launch(work: Workspace, fit: Callable[..., Any], inputs: Inputs, on_epoch: OnEpoch) -> Any:
        settings, place = _find_settings(work.run), _locate_meeting(work.run, attempt)
        choose_device(settings.device, of=settings.processes)  # fail before other machines wait
        port = find_free_port()
        clear_earlier_try(work)
        invitation = {
            "key": work.key,
            "port": port,
            "fit": f"{fit.__module__}:{fit.__qualname__}",
        }
        work.store.write_json(f"{place}/0.json", invitation)
        expected = {f"{number}.json" for number in range(1, node.count)}
        try:
            _wait_for(
                work.run,
                lambda: expected <= set(work.store.children(place)),
                lambda: _name_missing(expected - set(work.store.children(place))),
            )
            return launch_processes(work, fit, inputs, on_epoch, replace(node, port=port))
        finally:
            work.store.delete_tree(place)

    return launch


def follow_lead(run: Run, inputs: dict[str, Ref], node: Node, attempt: int = 0) -> None:
    """Train as one of the other machines; return at once if machine 0 reuses a result.

    Raises PipelineError if machine 0 does not start or a process fails.
    """
    settings, place = _find_settings(run), _locate_meeting(run, attempt)
    choose_device(settings.device, of=settings.processes)
    _wait_for(
        run,
        lambda: _read_invitation(run, place) is not None or _is_reused(run),
        lambda: "machine 0 did not start",
    )
    invitation = _read_invitation(run, place)
    if invitation is None:
        return
    run.store.write_json(f"{place}/{node.number}.json", {})
    work = Workspace(run, run.pipeline.training_stage, invitation["key"])
    module, _, name = invitation["fit"].partition(":")
    fit = getattr(import_module(module), name)
    launch_processes(work, fit, inputs, None, replace(node, port=invitation["port"]))


def find_free_port() -> int:
    """Find a free port of this machine."""
    with closing(socket.socket()) as sock:
        sock.bind(("", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_for(run: Run, is_ready: Callable[[], bool], describe_missing: Callable[[], str]) -> None:
    timeout = _find_settings(run).timeout_seconds
    end = time.monotonic() + timeout
    while not is_ready():
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


def _read_invitation(run: Run, place: str) -> dict[str, Any] | None:
    """Read the invitation of machine 0; None if there is none yet."""
    with suppress(FileNotFoundError):
        invitation: dict[str, Any] = run.store.read_json(f"{place}/0.json")
        return invitation
    return None


def _is_reused(run: Run) -> bool:
    """Whether machine 0 reused a cached result, because another run finished first."""
    record = read_record(run.store, run.id, run.pipeline.training_stage)
    return record is not None and record.state == "reused"


def _name_missing(files: set[str]) -> str:
    names = ", ".join(sorted(name.removesuffix(".json") for name in files))
    return f"machine {names} did not join"
