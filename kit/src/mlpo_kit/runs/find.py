"""Find a run by what a person types: its id, a part of it, or `latest`."""

from __future__ import annotations

from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.records import find_newest_run
from mlpo_kit.runs.summary import read_latest_id
from mlpo_kit.store.base import Store

NAMED = 5  # runs to name in a message


def find_run(store: Store, text: str) -> str:
    """Return the id of the run that `text` names: an exact id, `latest`, or a unique part.

    Raises PipelineError if no run or several runs fit.
    """
    names = [name for name in store.children("runs") if not name.endswith(".json")]
    if text in names:
        return text
    if text == "latest":
        newest = read_latest_id(store)
        newest = newest if newest in names else find_newest_run(store)
        if newest is None:
            raise PipelineError("there is no run yet: `make run` starts one")
        return newest
    matching = [name for name in names if text and text in name]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise PipelineError(f"there is no run {text!r}: `make runs` lists them")
    rest = len(matching) - NAMED
    listed = ", ".join(matching[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
    raise PipelineError(f"{text!r} is a part of several run ids: {listed}. Give more of it")
