"""What can go wrong for a reason the user can mend. Managed by mlpo."""

from __future__ import annotations


class PipelineError(Exception):
    """The pipeline stopped for a reason to be read by a person: what is wrong and what to do."""


class IntegrityError(PipelineError):
    """A stored payload is missing, or its bytes are not the ones that were written."""
