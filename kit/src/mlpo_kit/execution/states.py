"""Describe how a stage failed: its state and the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.parents import ORPHANED, is_orphaned
from mlpo_kit.runs.records import State
from mlpo_kit.store.full_disk import explain_full_disk

INTERRUPT_REASON = "by Ctrl-C, or a signal to end it"


def explain_error(error: BaseException, folder: Path) -> BaseException:
    """Return a PipelineError in place of an error that is due to a full disk, else the error.

    `folder` is the one that the stage writes to.
    """
    reason = None if isinstance(error, PipelineError) else explain_full_disk(error, folder)
    if reason is None:
        return error
    return PipelineError(reason)


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return the state and the reason to record for a stage that raised `error`."""
    if isinstance(error, KeyboardInterrupt):
        if is_orphaned():
            return {"state": "killed", "reason": ORPHANED}
        return {"state": "interrupted", "reason": INTERRUPT_REASON}
    words = str(error) if isinstance(error, PipelineError) else repr(error)
    reason = find_project().name_files(words)
    state: State = "out of memory" if _is_out_of_memory(error) else "failed"
    return {"state": state, "reason": reason}


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether the machine or a GPU ran out of memory.

    GPU errors are recognized by name, so that no GPU library is imported.
    """
    while error is not None:
        names = {cls.__name__ for cls in type(error).__mro__}
        if isinstance(error, MemoryError) or "OutOfMemoryError" in names:
            return True
        error = error.__cause__
    return False
