"""Find a run by what a person types: its id, a part of its id, or `latest`."""

from __future__ import annotations

from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.runs.records import find_newest_run
from mlpo_kit.runs.summary import read_latest_id
from mlpo_kit.store.base import Store

NEWEST = "latest"
SHOWN = 5  # ids in a message


def find_run(store: Store, text: str) -> str:
    """Find the id of the run that `text` names: an id, a part of a single id, or `latest`.

    Raises PipelineError if there is no such run, or several.
    """
    text = text.strip()
    run_ids = [name for name in store.children("runs") if not name.endswith(".json")]
    if not run_ids:
        raise PipelineError("there are no runs yet: `make run` starts one")
    if not text:
        raise PipelineError(f"name a run: its id, a part of its id, or {NEWEST}")
    if text == NEWEST:
        return _find_newest(store, run_ids)
    matches = [text] if text in run_ids else [name for name in run_ids if text in name]
    if not matches:
        hint = suggest(text, run_ids) or ": `mlpo-kit runs` lists them"
        raise PipelineError(f"there is no run {text!r}{hint}")
    if len(matches) > 1:
        shown = ", ".join(matches[-SHOWN:])
        more = f" and {len(matches) - SHOWN} more" if len(matches) > SHOWN else ""
        raise PipelineError(f"{text!r} is a part of {len(matches)} run ids: {shown}{more}")
    return matches[0]


def _find_newest(store: Store, run_ids: list[str]) -> str:
    newest = read_latest_id(store)
    if newest not in run_ids:  # the file is damaged, or its run was deleted
        newest = find_newest_run(store)
    if newest is None:
        raise PipelineError("no run has started a stage yet: `make run` starts one")
    return newest
