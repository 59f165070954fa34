"""Read the source once, and identify the data by the hash of its content."""

from __future__ import annotations

import logging

from mlpo_kit import PipelineError, Workspace
from mlpo_kit.store.arrays import save_arrays

from ..data import load
from ..settings import IngestSettings
from . import Ingested

log = logging.getLogger(__name__)


def ingest(settings: IngestSettings, work: Workspace) -> Ingested:
    """Copy the source into the store.

    Raises PipelineError if the settings name a version and the content has another one.
    """
    data = load(settings)
    if settings.version not in ("latest", data.version):
        raise PipelineError(
            f"ingest.version asks for the data {settings.version[:12]}, but {settings.source} now "
            f"holds {data.version[:12]}. Restore that data, or set `version: latest`."
        )
    save_arrays(work.path("raw.safetensors"), {"x": data.x, "y": data.y}, {"classes": data.classes})
    log.info("read %d rows of %d classes: %s", len(data.y), len(data.classes), data.version[:12])
    return Ingested(work.ref("raw.safetensors"), data.version, len(data.y), data.classes)
