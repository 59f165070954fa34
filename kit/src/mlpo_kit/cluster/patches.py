"""Apply a project's own changes to its pods: the function `pod` in deploy/patches.py, if any.

The function runs where the manifests are rendered; the image does not contain it.
"""

from __future__ import annotations

import copy
import runpy
import traceback
from pathlib import Path
from typing import Any

from mlpo_kit.cluster import schemas
from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError

FILE = "deploy/patches.py"


def patch_pod(spec: dict[str, Any], stage: str) -> dict[str, Any]:
    """Return a pod's `spec` after the project's function `pod(spec, stage)` changed it, such as:

        def pod(spec, stage):
            if stage == "train":
                spec["priorityClassName"] = "batch"
            return spec

    `stage` is the name of a stage, `server` or `prune`. Returns the spec unchanged if the project
    has no deploy/patches.py. Raises PipelineError if the function fails or returns an invalid pod.
    Fields are checked only if kubernetes-validate is installed, which `make setup` does.
    """
    path = find_project().root / FILE
    if not path.is_file():
        return spec
    patched = _call_patch(path, copy.deepcopy(spec), stage)
    if not isinstance(patched, dict):
        raise PipelineError(
            f"{FILE}: pod(spec, {stage!r}) returns no mapping: end it with `return spec`"
        )
    if schemas.are_installed() and (problem := schemas.check_pod_spec(patched)):
        raise PipelineError(f"{FILE}: pod(spec, {stage!r}) returns an invalid pod: {problem}")
    return patched


def _call_patch(path: Path, spec: dict[str, Any], stage: str) -> Any:
    """Call the project's function; raises PipelineError with the line of an error."""
    try:
        patch = runpy.run_path(str(path)).get("pod")
        if callable(patch):
            return patch(spec, stage)
    except Exception as error:  # the project's own code may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f":{frame.lineno}" for frame in frames if frame.filename == str(path)]
        location = FILE + (lines[-1] if lines else "")
        words = f"{location}: {type(error).__name__}: {error}"
        raise PipelineError(f"{words} (for the pod of {stage})") from error
    raise PipelineError(f"{FILE} has no function pod(spec, stage): write one, or delete the file")
