"""Choose a version of the model, and open its weights."""

from __future__ import annotations

from pathlib import Path

from mlpo_kit.config.settings import BaseSettings, check_registry_is_shared
from mlpo_kit.errors import IntegrityError, PipelineError
from mlpo_kit.models.champion import CHAMPION
from mlpo_kit.models.registry import Version, open_registry
from mlpo_kit.runs.identify import find_run
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.records import read_existing_records, read_records
from mlpo_kit.runs.summary import summarize
from mlpo_kit.store import Store, open_store


def find_champion(settings: BaseSettings) -> Version:
    """Return the champion; raises PipelineError if no model was deployed yet."""
    check_registry_is_shared(settings)
    champion = open_registry(settings).champion()
    if champion is None:
        raise PipelineError(
            "no model is deployed yet: `make run` trains and deploys one, and "
            "`mlpo-kit import FILE --promote` takes one from an exported file"
        )
    return champion


def find_version(settings: BaseSettings, which: str | int) -> Version:
    """Return the version that `which` names: `champion`, its number, or the run that registered it.

    A number that is no run's id is a version's. Raises PipelineError if there is no such version.
    """
    if which == CHAMPION:
        return find_champion(settings)
    check_registry_is_shared(settings)
    number = int(which) if is_number(settings, which) else find_version_of_run(settings, str(which))
    registry = open_registry(settings)
    version = registry.read_version(number)
    if version is None:
        numbers = [v.number for v in registry.list_versions() if v.name == registry.name]
        newest = f"the newest is {max(numbers)}" if numbers else "`make run` registers one"
        raise PipelineError(f"there is no version {number} of {registry.name}: {newest}")
    return version


def is_number(settings: BaseSettings, which: str | int) -> bool:
    """Whether `which` is the number of a version, and not a run's id."""
    if isinstance(which, int):
        return True
    return which.isdecimal() and not read_records(open_store(settings), which)


def find_version_of_run(settings: BaseSettings, which: str) -> int:
    """Return the number of the version that a run registered.

    Raises PipelineError if there is no such run, or it registered no version.
    """
    store = open_store(settings)
    run_id = find_run(store, which)
    read_existing_records(store, run_id)
    summary = summarize(store, load_pipeline(), run_id)
    number: int | None = summary["model"]["version"]
    if number is None:
        raise PipelineError(
            f"run {run_id} registered no version: its status is {summary['status']}"
        )
    return number


def find_run_of_version(store: Store, version: Version) -> str:
    """Return the run that registered a version or, if its records are gone, that of its weights.

    Raises PipelineError if the records of both are gone.
    """
    holder = version.model.key.split("/")[1]
    for run_id in (version.run_id, holder):
        if read_records(store, run_id):
            return run_id
    raise PipelineError(
        f"the records of version {version.number} (run {version.run_id}) are not in this store: "
        "open it where it was trained, or `mlpo-kit import` a file that was exported there"
    )


def open_weights(store: Store, version: Version) -> Path:
    """Return the verified file of a version's weights; raises PipelineError if they are gone."""
    try:
        return store.open(version.model)
    except IntegrityError as error:
        raise PipelineError(
            f"the weights of version {version.number} are gone or were changed ({error}): `make "
            f"run` trains them again if code, data and settings are those of run {version.run_id}, "
            "`mlpo-kit import` takes them from an exported file, and `make rollback` makes the "
            "previous champion the champion again"
        ) from None
