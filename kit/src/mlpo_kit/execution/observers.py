"""Who is told how a run goes: tracking and progress hang here, and change no result."""

from __future__ import annotations

from typing import Protocol

from mlpo_kit.runs.records import Record
from mlpo_kit.runs.workspace import Run


class Observer(Protocol):
    """Told of a run as it goes. What it raises fails the stage that it is told of."""

    def stage_started(self, run: Run, record: Record) -> None:
        """A stage starts; the first of a run starts the run."""

    def stage_ended(self, run: Run, record: Record) -> None:
        """A stage ended, however: the record says how and why."""
