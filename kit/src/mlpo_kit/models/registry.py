"""The model registry: versions, their lineage, and the `champion` alias.

MLflow keeps it: in a SQLite file beside the runs, or on the server that MLFLOW_TRACKING_URI
names. The weights stay in the store; a version holds their reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlpo_kit.models.mlflow_environment  # isort: skip # noqa: F401 (set before the import)
from mlflow.exceptions import MlflowException

from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.models.tracking import Lineage, connect, find_server, log_run
from mlpo_kit.runs.pipeline import load_pipeline, read_setting
from mlpo_kit.store.base import Ref, Store

CHAMPION = "champion"
KEEP = "keep"  # a tag of versions whose weights are never deleted
SCHEMA_VERSION = "2"  # a tag; versions without it were registered by something else
_WEIGHTS, _PRUNED = "weights", "pruned"
_HISTORY = "champion_history"  # version numbers, oldest first, as a tag of the registered model


@dataclass(frozen=True)
class Version:
    """A registered version and the model that it stands for."""

    number: int
    model: Ref
    metric: str  # the gate's, such as `accuracy`
    value: float  # of that metric
    dataset_version: str
    run_id: str
    name: str = ""
    is_pruned: bool = False  # its weights were deleted; the rest of it stays
    held: str = ""  # why its weights stay whatever its age


def open_registry(settings: BaseSettings) -> Registry:
    """Open the registry for the model that the settings name."""
    name: str = read_setting(settings, load_pipeline().model_name)
    return Registry(name, settings.local_root)


class Registry:
    """The versions of one registered model."""

    def __init__(self, name: str, root: Path) -> None:
        """Open the registry for the model `name`; `root` is the store's root folder."""
        self.name = name
        self._folder = root / "registry"
        self._client = connect(self._folder)

    def register(
        self, model: Ref, lineage: Lineage, metric: str, value: float, files: Sequence[Path] = ()
    ) -> Version:
        """Make a new version of a model that `find` does not know, with its lineage.

        `metric` and its `value` are what later candidates are compared by. Raises PipelineError
        where the model has versions of something else, such as an older project.
        """
        self._check_ownership()
        run_id = log_run(self._client, self.name, self._folder, lineage, files)
        self._ensure_model()
        tags = {
            "schema": SCHEMA_VERSION,
            "digest": model.sha256,
            "uri": model.uri,
            "size": model.size,
            "metric": metric,
            "value": value,
            "dataset_version": lineage.dataset_version,
            "run_id": lineage.run_id,
            "code_digest": lineage.code_digest,
        }
        version = self._client.create_model_version(
            self.name, model.uri, run_id, {key: str(value) for key, value in tags.items()}
        )
        return _parse_version(version)

    def find(self, digest: str) -> Version | None:
        """Find the version with these weights."""
        query = f"name = '{self.name}' and tags.digest = '{digest}'"
        found = self._client.search_model_versions(query, order_by=["version_number ASC"])
        return next((_parse_version(version) for version in found if _is_ours(version)), None)

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
    def explain_errors(self) -> Iterator[None]:
        """Turn what MLflow raises into a PipelineError that says which registry it was."""
        try:
            yield
        except MlflowException as error:
            place = find_server() or self._folder
            raise PipelineError(f"the model registry at {place} does not answer: {error}") from None

    def list_versions(self) -> list[Version]:
        """List every version that holds a reference, and why it keeps its weights."""
        versions: list[Version] = []
        held: dict[str, dict[int, str]] = {}
        token = None
        while True:
            page = self._client.search_model_versions(page_token=token)
            for version in page:
                if not _is_ours(version):
                    continue
                if version.name not in held:
                    held[version.name] = self._find_held(version.name)
                reason = held[version.name].get(int(version.version), "")
                if KEEP in version.tags:
                    reason = reason or "marked keep"
                versions.append(replace(_parse_version(version), held=reason))
            token = page.token
            if not token:
                return versions

    def champion(self) -> Version | None:
        """Return the version that is served; None before the first deployment."""
        try:
            version = self._client.get_model_version_by_alias(self.name, CHAMPION)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        return _parse_version(version) if _is_ours(version) else None

    def promote(self, number: int) -> None:
        """Make a version the champion and remember the one before."""
        history = self._read_history()
        if history[-1:] != [number]:
            # The history first: after a crash in between, `rollback` still finds its place.
            self._write_history([*history, number])
        self._client.set_registered_model_alias(self.name, CHAMPION, str(number))

    def rollback(self, store: Store) -> Version:
        """Make the previous champion the champion again.

        Raises PipelineError when there is none, or its weights are gone.
        """
        with store.guard():  # no prune in between
            current = self.champion()
            if current is None:
                raise PipelineError(f"{self.name} has no champion: `make run` deploys one")
            history = self._read_history()
            number = _find_previous(history, current.number)
            if number is None:
                raise PipelineError(f"{self.name} has no champion before version {current.number}")
            before = _parse_version(self._client.get_model_version(self.name, str(number)))
            if before.is_pruned or not store.has(before.model):
                raise PipelineError(
                    f"version {number}, the champion before version {current.number}, has no "
                    "weights any more: a run that trains the same again brings them back"
                )
            self._client.set_registered_model_alias(self.name, CHAMPION, str(number))
            self._write_history(history[: _find_last(history, current.number)])
        return before

    def _find_held(self, name: str) -> dict[int, str]:
        """The versions of a model that have an alias, or were the champion before, and as what."""
        model = self._client.get_registered_model(name)
        aliases = {alias: int(number) for alias, number in model.aliases.items()}
        history = _parse_numbers(model.tags.get(_HISTORY, ""))
        before = _find_previous(history, aliases.get(CHAMPION))
        held = {} if before is None else {before: "the champion before"}
        return held | {number: alias for alias, number in aliases.items()}

    def _check_ownership(self) -> None:
        found = self._client.search_model_versions(f"name = '{self.name}'")
        if strange := [version.version for version in found if not _is_ours(version)]:
            raise PipelineError(
                f"the model {self.name} in the registry at {find_server() or self._folder} has "
                f"versions that this project did not make (version {strange[0]}): an older project "
                "did, or another tool. They are left alone: name another register.model_name"
            )

    def _set_tag(self, name: str, number: int, tag: str, value: str) -> None:
        self._client.set_model_version_tag(name, str(number), tag, value)

    def _read_history(self) -> list[int]:
        return _parse_numbers(self._client.get_registered_model(self.name).tags.get(_HISTORY, ""))

    def _write_history(self, numbers: list[int]) -> None:
        self._client.set_registered_model_tag(self.name, _HISTORY, ",".join(map(str, numbers)))

    def _ensure_model(self) -> None:
        try:
            self._client.create_registered_model(self.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _parse_numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _find_last(numbers: list[int], number: int) -> int:
    """Where a number is last, counted from 0; 0 where it is not."""
    return len(numbers) - 1 - numbers[::-1].index(number) if number in numbers else 0


def _find_previous(history: list[int], champion: int | None) -> int | None:
    """The champion before this one."""
    place = _find_last(history, champion) if champion is not None else 0
    return history[place - 1] if place else None


def _is_ours(version: Any) -> bool:
    return bool(version.tags.get("schema") == SCHEMA_VERSION)


def _parse_version(version: Any) -> Version:
    tags = version.tags
    return Version(
        name=version.name,
        is_pruned=tags.get(_WEIGHTS) == _PRUNED,
        number=int(version.version),
        model=Ref(tags["uri"], tags["digest"], int(tags["size"])),
        metric=tags["metric"],
        value=float(tags["value"]),
        dataset_version=tags["dataset_version"],
        run_id=tags["run_id"],
    )
