"""Start the candidate as a real server, compare it with the evaluation, then promote it."""

from __future__ import annotations

import logging

import numpy as np

from ..kit.arrays import map_arrays
from ..kit.client import serving
from ..kit.errors import PipelineError
from ..kit.registry import CHAMPION, Registry
from ..kit.store import Ref
from ..kit.workspace import Workspace
from ..settings import DeploySettings
from . import Deployed

log = logging.getLogger(__name__)


def deploy(
    settings: DeploySettings,
    work: Workspace,
    model: Ref,
    predictions: Ref,
    version: int,
    model_name: str,
) -> Deployed:
    """Promote a registered version that answers over HTTP as it did offline.

    Raises PipelineError when a served prediction differs; the champion then stays.
    """
    offline = map_arrays(work.open(predictions))
    rows = slice(0, settings.rows)
    with serving(work.open(model), work.path("server.log"), settings.startup_seconds) as server:
        served = server.predict(offline["x"][rows])
    largest = compare(served, offline["probabilities"][rows], settings.tolerance)
    Registry(model_name, work.run.settings.local_root).promote(version)
    log.info("version %d is the %s of %s", version, CHAMPION, model_name)
    return Deployed(CHAMPION, version, len(served), largest)


def compare(served: np.ndarray, offline: np.ndarray, tolerance: float) -> float:
    """The largest difference of a probability; raises PipelineError when it is too large."""
    if served.shape != offline.shape:
        raise PipelineError(
            f"the served model answers with {served.shape}, the evaluation with {offline.shape}: "
            "not deployed, the champion stays"
        )
    differences = np.abs(served - offline).max(axis=1)
    largest = float(differences.max())
    if not largest <= tolerance:
        row = int(differences.argmax())
        raise PipelineError(
            "the served model differs from the evaluation: "
            f"{int((differences > tolerance).sum())} of {len(served)} rows by more than "
            f"{tolerance:g}, most in row {row} by {largest:.4f}. Not deployed, the champion stays"
        )
    return largest
