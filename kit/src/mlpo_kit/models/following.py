"""Follow a run in the background, and keep MLflow up to date with it until it has ended."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from filelock import Timeout

from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.execution.tracking import (
    Mark,
    clear_mark,
    make_lock,
    read_mark,
)
from mlpo_kit.models.tracked import has_ended
from mlpo_kit.runs.progress import measure_progress, store_progress
from mlpo_kit.runs.records import read_records, read_trials
from mlpo_kit.store import Store, open_store

POLL_SECONDS = 0.5  # between two looks at the records
RETRY_SECONDS = 10.0  # before the next try after MLflow did not answer
QUIET_SECONDS = 30.0  # without a running stage, after which the process ends
STORE_SECONDS = 10.0  # between two copies of the epochs to a bucket
NICE = 10  # a training comes first

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """What the records of a run say at one moment."""

    signature: Any  # changes when there is something new to send
    running: tuple[str, ...]  # stages and trials
    has_ended: bool
    exists: bool


def follow_run(settings: BaseSettings, run_id: str, make_report: Any) -> None:
    """Send what is new of a run until it has ended, unless another process of this machine does.

    Errors of MLflow are noted in the run's folder. `make_report` makes the run's page.
    """
    store = open_store(settings)
    with suppress(OSError):
        os.nice(NICE)
    while (mark := read_mark(store, run_id)) is not None:
        lock = make_lock(store, run_id)
        try:
            with lock.acquire(timeout=0):
                last = _follow(settings, store, run_id, make_report)
        except Timeout:
            return
        # A stage that starts renews the mark first, then looks for the lock: it is not missed.
        if read_mark(store, run_id) in (None, mark, last):
            return


def _follow(settings: BaseSettings, store: Store, run_id: str, make_report: Any) -> Mark | None:
    """Follow a run until it has ended or nothing runs any more; returns the mark seen last."""
    from mlpo_kit.models.sending import explain_problem, note_problem, send_run  # imports MLflow

    sent, next_try, quiet_since, next_copy = None, 0.0, time.monotonic(), time.monotonic()
    mark, problem = read_mark(store, run_id), ""
    while mark is not None:
        look, now = look_at(store, run_id), time.monotonic()
        if not look.exists:
            clear_mark(store, run_id, mark)  # it was pruned
            return mark
        quiet_since = now if look.running else quiet_since
        is_over = look.has_ended or (mark.is_over and not look.running)
        signature, failed = (look.signature, mark.is_over), False
        if signature != sent and (now >= next_try or is_over):
            try:
                result = send_run(settings, run_id, make_report)
                sent = signature
                if result is not None and result.is_closed and clear_mark(store, run_id, mark):
                    return mark
            except Exception as error:
                words = explain_problem(error, settings)
                if words != problem:  # each try may fail for days
                    log.exception("run %s could not be sent", run_id)
                problem = words
                note_problem(store, run_id, problem)
                next_try, failed = time.monotonic() + RETRY_SECONDS, True
        if now >= next_copy:
            for stage in look.running:
                store_progress(store, run_id, stage)
            next_copy = now + STORE_SECONDS
        if (is_over and failed) or (not look.running and now > quiet_since + QUIET_SECONDS):
            return mark
        time.sleep(POLL_SECONDS)
        mark = read_mark(store, run_id)
    return mark


def look_at(store: Store, run_id: str) -> Look:
    """Look at the records of a run."""
    records, trials = read_records(store, run_id), read_trials(store, run_id)
    together = [*records.values(), *trials]
    running = tuple(dict.fromkeys(r.stage for r in together if r.state == "running"))
    sizes = [measure_progress(store, run_id, stage) for stage in running]
    states = [(r.stage, r.state, r.attempt, r.ended) for r in together]
    return Look((states, sizes), running, has_ended(records, trials), bool(together))
