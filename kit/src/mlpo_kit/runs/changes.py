"""Changes of settings for one run of a compiled pipeline, given in a form or by a schedule.

Tasks read the changed settings when they run. Settings that the pipeline was compiled from are
fixed and can't be changed for a run.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from mlpo_kit.config.documents import Document
from mlpo_kit.config.settings import change_setting
from mlpo_kit.errors import PipelineError

# Settings that a pipeline is compiled from: its name, where its tasks run and for how long.
COMPILED = ("project", "compute", "storage_root", "resources", "retention.max_run_hours")


def parse_changes(text: str) -> list[str]:
    """Parse `train.epochs=5 train.seed=3`, or the same as a JSON list of texts.

    Raises PipelineError if the text is neither.
    """
    try:
        changes = json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
    except ValueError as error:
        raise PipelineError(
            f"settings: {text!r} can't be read ({error}): write train.epochs=5 train.seed=3, or a "
            'list, ["train.epochs=5"]'
        ) from None
    if not all(isinstance(change, str) for change in changes):
        raise PipelineError(f'settings: {text!r} is not a list of texts such as "train.epochs=5"')
    return list(changes)


def apply_changes(document: Document, changes: Sequence[str], fixed: Sequence[str]) -> Document:
    """Apply changes to the settings that a pipeline was compiled with.

    `fixed` are the dotted names of settings that this pipeline was compiled from, in addition to
    COMPILED. Raises PipelineError that names the changes of such settings: they come too late.
    """
    late = {}
    for change in changes:
        changed = change_setting(document, change)
        if any(_read(changed, name) != _read(document, name) for name in (*COMPILED, *fixed)):
            late[change.partition("=")[0]] = change
        document = changed
    if late:
        raise PipelineError(
            f"{', '.join(late)}: fixed when the pipeline was compiled, so a run can't change it: "
            f"change the profile, or compile with --set '{next(iter(late.values()))}'"
        )
    return document


def _read(document: Any, name: str) -> Any:
    """Read a setting by its dotted name; None if the document does not have it."""
    for part in name.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
