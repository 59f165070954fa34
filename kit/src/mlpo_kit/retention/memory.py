"""What one prune leaves for the next: which places it announced, and what it found held."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from mlpo_kit.retention.facts import Place
from mlpo_kit.store import Store

MEMORY = "retention/last.json"  # since when places are announced; what the last pass found held


def announce(store: Store, places: Collection[Place]) -> dict[Place, bool]:
    """Note since when each place is to go; returns for each whether it may go now.

    Where no lock guards the store, a stage may be about to use what a cache entry named a moment
    ago. The entry goes now, the place when that stage has long said what it uses.
    """
    now, before = time.time(), _read(store)
    since = {place: before["announced"].get("/".join(place), now) for place in places}
    announced = {"/".join(place): when for place, when in sorted(since.items())}
    store.write_json(MEMORY, {**before, "announced": announced if store.grace else {}})
    return {place: now - when >= store.grace for place, when in since.items()}


def read_held(store: Store) -> set[str]:
    """Read what the last prune would have deleted, had registry and orchestrator not held it."""
    return set(_read(store)["held"])


def write_held(store: Store, held: Collection[str]) -> None:
    """Write what this prune would have deleted, had registry and orchestrator not held it."""
    store.write_json(MEMORY, {**_read(store), "held": sorted(held)})


def _read(store: Store) -> dict[str, Any]:
    empty: dict[str, Any] = {"announced": {}, "held": []}
    try:
        return {**empty, **store.read_json(MEMORY)}
    except (FileNotFoundError, ValueError, TypeError):
        return empty
