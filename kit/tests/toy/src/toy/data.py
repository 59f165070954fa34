"""Where the numbers come from."""

from __future__ import annotations

from .settings import IngestSettings


def fingerprint(settings: IngestSettings) -> str:
    """What the source holds: as many numbers as the settings say."""
    return str(settings.rows)
