"""Write the numbers."""

from __future__ import annotations

import hashlib
import json

from mlpo_kit import PipelineError, Workspace

from ..settings import IngestSettings
from . import Ingested


def ingest(settings: IngestSettings, work: Workspace) -> Ingested:
    """Write as many numbers as the settings say."""
    numbers = list(range(settings.rows))
    version = hashlib.sha256(json.dumps(numbers).encode()).hexdigest()
    if settings.version not in ("latest", version):
        raise PipelineError(f"ingest.version asks for the data {settings.version[:12]}")
    return Ingested(work.save_json("numbers.json", numbers), version, len(numbers))
