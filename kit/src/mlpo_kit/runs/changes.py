"""Settings of one run of a compiled pipeline: who starts it, in a form or by the clock, gives them.

They reach what the tasks read. What the tasks are made of was decided before.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from mlpo_kit.config.documents import Document
from mlpo_kit.config.settings import change_setting
from mlpo_kit.errors import PipelineError

# What a pipeline is compiled from: its name, where its tasks run, and for how long.
COMPILED = ("project", "compute", "storage_root", "resources", "retention.max_run_hours")


def parse_changes(text: str) -> list[str]:
    """Parse `train.epochs=5 train.seed=3`, or the same as a JSON list.

    Raises PipelineError where it is neither.
    """
    try:
        found = json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
    except ValueError as error:
        raise PipelineError(
            f"settings: {text!r} can't be read ({error}): write train.epochs=5 train.seed=3, or a "
            'list, ["train.epochs=5"]'
        ) from None
    if not all(isinstance(change, str) for change in found):
        raise PipelineError(f'settings: {text!r} is no list of texts such as "train.epochs=5"')
    return list(found)


def apply_changes(document: Document, changes: Sequence[str], fixed: Sequence[str]) -> Document:
    """Lay changes over the settings that a pipeline was compiled with.

    Raises PipelineError that names the changes which come too late: those of COMPILED, and of
    `fixed`, what else the compiled pipeline has for good, by dotted name.
    """
    late = {}
    for change in changes:
        changed = change_setting(document, change)
        if any(_read(changed, name) != _read(document, name) for name in (*COMPILED, *fixed)):
            late[change.partition("=")[0]] = change
        document = changed
    if late:
        raise PipelineError(
            f"{', '.join(late)}: fixed when the pipeline was compiled, and no setting of a run: "
            f"change the profile, or compile it with --set '{next(iter(late.values()))}'"
        )
    return document


def _read(document: Any, name: str) -> Any:
    """A setting by its dotted name; None where the document does not say it."""
    for part in name.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
