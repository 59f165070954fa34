"""The model registry: versions, their lineage, and the `champion` alias. Managed by mlpo.

MLflow keeps it: in a SQLite file beside the runs, or on the server that MLFLOW_TRACKING_URI
names. The weights stay in the store; a version holds their reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import quiet_mlflow  # isort: skip # noqa: F401 (sets what mlflow reads at its import)
from mlflow.exceptions import MlflowException

from .errors import PipelineError
from .store import Ref, Store
from .tracking import Lineage, connect, log_run, server

CHAMPION = "champion"
KEEP = "keep"  # a tag of versions whose weights are never deleted
_WEIGHTS, _PRUNED = "weights", "pruned"
_HISTORY = "champion_history"  # version numbers, oldest first, as a tag of the registered model


@dataclass(frozen=True)
class Version:
    """A registered version and the model that it stands for."""

    number: int
    model: Ref
    accuracy: float
    dataset_version: str
    name: str = ""
    pruned: bool = False  # its weights were deleted; the rest of it stays
    held: str = ""  # why its weights stay whatever its age


class Registry:
    """The versions of one registered model."""

    def __init__(self, name: str, root: Path) -> None:
        """Open the registry for the model `name`; `root` is the store's root folder."""
        self.name = name
        self._folder = root / "registry"
        self._client = connect(self._folder)

    def register(self, model: Ref, lineage: Lineage, files: Sequence[Path]) -> Version:
        """Make a new version of a model that `find` does not know, with its lineage."""
        run_id = log_run(self._client, self.name, self._folder, lineage, files)
        self._ensure_model()
        tags = {
            "digest": model.sha256,
            "uri": model.uri,
            "size": model.size,
            "accuracy": lineage.metrics["accuracy"],
            "dataset_version": lineage.dataset_version,
            "run_id": lineage.run_id,
            "code_digest": lineage.code_digest,
        }
        version = self._client.create_model_version(
            self.name, model.uri, run_id, {key: str(value) for key, value in tags.items()}
        )
        return _version(version)

    def find(self, digest: str) -> Version | None:
        """The version with these weights, or None."""
        query = f"name = '{self.name}' and tags.digest = '{digest}'"
        found = self._client.search_model_versions(query, order_by=["version_number ASC"])
        return _version(found[0]) if found else None

    def restore(self, number: int, model: Ref) -> None:
        """Give a version its weights back: the same, in another place."""
        self._set_tag(self.name, number, "uri", model.uri)
        self.mark_whole(self.name, number)

    def mark_pruned(self, name: str, number: int) -> None:
        """Say that a version's weights are no longer there."""
        self._set_tag(name, number, _WEIGHTS, _PRUNED)

    def mark_whole(self, name: str, number: int) -> None:
        """Say that a version's weights are there."""
        if _WEIGHTS in self._client.get_model_version(name, str(number)).tags:
            self._client.delete_model_version_tag(name, str(number), _WEIGHTS)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what MLflow raises into a PipelineError that says which registry it was."""
        try:
            yield
        except MlflowException as error:
            place = server() or self._folder
            raise PipelineError(f"the model registry at {place} does not answer: {error}") from None

    def all_versions(self) -> list[Version]:
        """Every version of every model that holds a reference, and why it keeps its weights."""
        found: list[Version] = []
        held: dict[str, dict[int, str]] = {}
        token = None
        while True:
            page = self._client.search_model_versions(page_token=token)
            for version in page:
                if "uri" not in version.tags:  # of another project
                    continue
                if version.name not in held:
                    held[version.name] = self._held(version.name)
                why = held[version.name].get(int(version.version), "")
                if KEEP in version.tags:
                    why = why or "marked keep"
                found.append(replace(_version(version), held=why))
            token = page.token
            if not token:
                return found

    def _held(self, name: str) -> dict[int, str]:
        """The versions of a model that have an alias, or were the champion before, and as what."""
        model = self._client.get_registered_model(name)
        aliases = {alias: int(number) for alias, number in model.aliases.items()}
        history = _numbers(model.tags.get(_HISTORY, ""))
        before = _before(history, aliases.get(CHAMPION))
        held = {} if before is None else {before: "the champion before"}
        return held | {number: alias for alias, number in aliases.items()}

    def _set_tag(self, name: str, number: int, tag: str, value: str) -> None:
        self._client.set_model_version_tag(name, str(number), tag, value)

    def champion(self) -> Version | None:
        """The version that is served, or None before the first deployment."""
        try:
            return _version(self._client.get_model_version_by_alias(self.name, CHAMPION))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def promote(self, number: int) -> None:
        """Make a version the champion and remember the one before."""
        history = self._history()
        if history[-1:] != [number]:
            # The history first: after a crash in between, `rollback` still finds its place.
            self._set_history([*history, number])
        self._client.set_registered_model_alias(self.name, CHAMPION, str(number))

    def rollback(self, store: Store) -> Version:
        """Make the previous champion the champion again.

        Raises PipelineError when there is none, or its weights are gone.
        """
        with store.guard():  # no prune in between
            current = self.champion()
            if current is None:
                raise PipelineError(f"{self.name} has no champion: `make run` deploys one")
            history = self._history()
            number = _before(history, current.number)
            if number is None:
                raise PipelineError(f"{self.name} has no champion before version {current.number}")
            before = _version(self._client.get_model_version(self.name, str(number)))
            if before.pruned or not store.has(before.model):
                raise PipelineError(
                    f"version {number}, the champion before version {current.number}, has no "
                    "weights any more: a run that trains the same again brings them back"
                )
            self._client.set_registered_model_alias(self.name, CHAMPION, str(number))
            self._set_history(history[: _last(history, current.number)])
        return before

    def _history(self) -> list[int]:
        return _numbers(self._client.get_registered_model(self.name).tags.get(_HISTORY, ""))

    def _set_history(self, numbers: list[int]) -> None:
        self._client.set_registered_model_tag(self.name, _HISTORY, ",".join(map(str, numbers)))

    def _ensure_model(self) -> None:
        try:
            self._client.create_registered_model(self.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _last(numbers: list[int], number: int) -> int:
    """Where a number is last, counted from 0; 0 where it is not."""
    return len(numbers) - 1 - numbers[::-1].index(number) if number in numbers else 0


def _before(history: list[int], champion: int | None) -> int | None:
    """The champion before this one."""
    place = _last(history, champion) if champion is not None else 0
    return history[place - 1] if place else None


def _version(found: Any) -> Version:
    tags = found.tags
    return Version(
        name=found.name,
        pruned=tags.get(_WEIGHTS) == _PRUNED,
        number=int(found.version),
        model=Ref(tags["uri"], tags["digest"], int(tags["size"])),
        accuracy=float(tags["accuracy"]),
        dataset_version=tags["dataset_version"],
    )
