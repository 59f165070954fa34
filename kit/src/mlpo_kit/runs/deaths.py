"""Record how stages ended whose process could not write it any more."""

from __future__ import annotations

import signal
import time
from dataclasses import replace

from mlpo_kit.runs.pipeline import Pipeline
from mlpo_kit.runs.records import KILLED, State, read_all
from mlpo_kit.runs.summary import save_record
from mlpo_kit.store.base import Store


def record_deaths(
    store: Store,
    pipeline: Pipeline,
    run_id: str,
    reason: str,
    state: State = "killed",
    by_this_process: bool = False,
) -> None:
    """Record the state and the reason of a run's stages and trials whose process was killed.

    Call it when the processes have ended. Stages that still run, or whose reason is known, stay as
    they are; `by_this_process` includes those that run, because this process is about to end them.
    """
    for record in read_all(store, run_id).values():
        is_dead = record.state == "killed" and record.reason == KILLED
        if is_dead or (by_this_process and record.state == "running"):
            ended = replace(record, state=state, reason=reason, ended=time.time())
            save_record(store, pipeline, ended)


def describe_signal(number: int) -> str:
    """Say that a signal killed a process: `killed by signal 9 (SIGKILL)`."""
    try:
        return f"killed by signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"killed by signal {number}"
