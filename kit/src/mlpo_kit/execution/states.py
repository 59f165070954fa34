"""How a stage ended that raised: its state, and the reason in words."""

from __future__ import annotations

from typing import Any

from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.records import State


def describe_error(error: BaseException) -> dict[str, Any]:
    """The state and the reason of a stage that raised."""
    if isinstance(error, KeyboardInterrupt):
        return {"state": "interrupted", "reason": "somebody interrupted it"}
    reason = str(error) if isinstance(error, PipelineError) else repr(error)
    state: State = "out of memory" if _is_out_of_memory(error) else "failed"
    return {"state": state, "reason": reason}


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory was the cause, of this machine or of a GPU, whose library is not imported."""
    while error is not None:
        names = {cls.__name__ for cls in type(error).__mro__}
        if isinstance(error, MemoryError) or "OutOfMemoryError" in names:
            return True
        error = error.__cause__
    return False
