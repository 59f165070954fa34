"""The file that says that a run was imported: `runs/<run id>/import.json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from mlpo_kit.store.base import Store


@dataclass(frozen=True)
class Import:
    """Where an imported run comes from; `mlpo-kit import` writes it."""

    run_id: str  # the run's id where it took place
    version: int  # the number of its version there
    model: str  # SHA-256 of the weights
    file: str  # SHA-256 of the imported file
    imported: float  # seconds since the epoch
    schema_version: int = 1


def locate_import(run_id: str) -> str:
    """Return the key of the file in the store."""
    return f"runs/{run_id}/import.json"


def write_import(store: Store, run_id: str, source: Import) -> None:
    """Write the file for the imported run that is called `run_id` here."""
    store.write_json(locate_import(run_id), asdict(source))


def read_import(store: Store, run_id: str) -> Import | None:
    """Read where a run comes from; None if it took place here, or the file is damaged."""
    try:
        return Import(**store.read_json(locate_import(run_id)))
    except (FileNotFoundError, ValueError, TypeError):
        return None
