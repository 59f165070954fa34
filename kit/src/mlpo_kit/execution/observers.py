"""Observers of a run, such as tracking and progress displays. They change no result."""

from __future__ import annotations

from typing import Protocol

from mlpo_kit.runs.records import Record
from mlpo_kit.runs.workspace import Run


class Observer(Protocol):
    """Callbacks during a run, called in the process of each stage.

    An exception that is raised before the stage has ended fails the stage.
    """

    def run_started(self, run: Run) -> None:
        """Handle the start of a run, before its first stage does its work."""

    def stage_ended(self, run: Run, record: Record) -> None:
        """Handle the end of a stage; the record says how and why it ended."""

    def run_ended(self, run: Run, status: str) -> None:
        """Handle the end of a run, after its last stage, a refusal or a failure.

        `status` is the run's status (`runs.summary.find_status`). Called again if a retry
        continues the run.
        """
