"""Stop a run of ZenML on this machine at Ctrl-C; its steps run in this process.

ZenML 0.98 tries a step again that an interrupt has ended, as often as its retries say. Only its own
error for a stopped run ends the run.

A kill (signal 9) of a step ends this very process. Unlike with Metaflow and KFP, no other process
is left that could record the signal, so the record says that it ended without reporting an error.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from mlpo_kit.execution.states import INTERRUPT_REASON
from mlpo_kit.runs.deaths import record_deaths
from mlpo_kit.runs.pipeline import Pipeline
from mlpo_kit.store import Store

EXIT_CODE = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_stopped: list[int] = []  # the signals that came during the run


@contextmanager
def stop_at_signals(store: Store, pipeline: Pipeline, run_id: str) -> Iterator[None]:
    """Stop the run in a `with` block at the first signal, and end this process at the second.

    The block ends with KeyboardInterrupt then. The second signal records the interrupt for a stage
    that can't do it any more.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        _stopped.append(number)
        if len(_stopped) == 1:
            raise KeyboardInterrupt
        with suppress(Exception):
            record_deaths(
                store, pipeline, run_id, INTERRUPT_REASON, "interrupted", by_this_process=True
            )
        os._exit(EXIT_CODE)

    previous: dict[int, Any] = {number: signal.signal(number, stop) for number in SIGNALS}
    _stopped.clear()
    try:
        yield
    except Exception:
        if _stopped:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def check_not_stopped() -> None:
    """Raise ZenML's RunStoppedException if the run was interrupted, so that no step starts."""
    if _stopped:
        from zenml.exceptions import RunStoppedException

        raise RunStoppedException("the run was interrupted")
