"""A hook for steps that failed after all retries: `@pipeline(on_failure=note_failure)`."""

from zenml import get_step_context, log_metadata


def note_failure(error: BaseException) -> None:
    """Add the reason to the step's metadata, which ZenML's dashboard and client show."""
    step = get_step_context().step_run
    log_metadata(metadata={"failure": str(error) or repr(error)}, step_id=step.id)
