"""The state that one prune leaves for the next: the places it announced, and what was held."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from mlpo_kit.retention.facts import Place
from mlpo_kit.store import Store

# Holds when each place was announced, and what the registry or the orchestrator held at last.
MEMORY = "retention/last.json"


def announce(store: Store, places: Collection[Place]) -> dict[Place, bool]:
    """Announce that places will be deleted; returns for each whether it may be deleted now.

    A store without a lock has a grace period: a stage may have just read a cache entry and be about
    to use its outputs. The entry is deleted now. Its places are deleted `store.grace` seconds after
    they were first announced: by then the stage's record names what it uses.
    """
    now, before = time.time(), _read(store)
    since = {place: before["announced"].get("/".join(place), now) for place in places}
    announced = {"/".join(place): when for place, when in sorted(since.items())}
    store.write_json(MEMORY, {**before, "announced": announced if store.grace else {}})
    return {place: now - when >= store.grace for place, when in since.items()}


def read_held(store: Store) -> set[str]:
    """Read the keys that the last prune kept only because registry or orchestrator held them."""
    return set(_read(store)["held"])


def write_held(store: Store, held: Collection[str]) -> None:
    """Write the keys that this prune kept only because registry or orchestrator held them."""
    store.write_json(MEMORY, {**_read(store), "held": sorted(held)})


def _read(store: Store) -> dict[str, Any]:
    empty: dict[str, Any] = {"announced": {}, "held": []}
    try:
        return {**empty, **store.read_json(MEMORY)}
    except (FileNotFoundError, ValueError, TypeError):
        return empty
