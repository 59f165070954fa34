"""Who is told how a run goes: tracking and progress hang here, and change no result."""

from __future__ import annotations

from typing import Protocol

from mlpo_kit.runs.records import Record
from mlpo_kit.runs.workspace import Run


class Observer(Protocol):
    """Told of a run as it goes, in the process of each stage.

    What it raises before a stage has ended fails that stage.
    """

    def run_started(self, run: Run) -> None:
        """A run starts: before its first stage does its work."""

    def stage_ended(self, run: Run, record: Record) -> None:
        """A stage ended, however: the record says how and why."""

    def run_ended(self, run: Run, status: str) -> None:
        """A run ended: after its last stage, or one that was refused or failed.

        `status` is the state that decides. A run that goes on, by a retry, ends again.
        """
