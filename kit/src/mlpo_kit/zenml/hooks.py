"""What ZenML calls when a step has failed for good: `@pipeline(on_failure=note_failure)`."""

from zenml import get_step_context, log_metadata


def note_failure(error: BaseException) -> None:
    """Keep the reason with the step in ZenML, where its dashboard and its client show it."""
    step = get_step_context().step_run
    log_metadata(metadata={"failure": str(error) or repr(error)}, step_id=step.id)
