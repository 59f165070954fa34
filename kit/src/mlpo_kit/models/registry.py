"""The model registry: versions, their lineage, and the `champion` alias.

MLflow stores the registry: in a SQLite file next to the runs, or on the server in
MLFLOW_TRACKING_URI. The weights stay in the store; a version holds a reference to them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlpo_kit.models.mlflow_environment  # isort: skip # noqa: F401 (set before the import)
from mlflow.exceptions import MlflowException

from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.models.champion import CHAMPION, SCHEMA_VERSION
from mlpo_kit.models.tracking import Lineage, connect, find_server, log_run
from mlpo_kit.runs.pipeline import load_pipeline, read_setting
from mlpo_kit.store.base import Ref, Store

log = logging.getLogger(__name__)

KEEP = "keep"  # a tag of versions whose weights are never deleted
_WEIGHTS, _PRUNED = "weights", "pruned"
_HISTORY = "champion_history"  # version numbers, oldest first, as a tag of the registered model


@dataclass(frozen=True)
class Version:
    """A registered version of a model."""

    number: int
    model: Ref
    metric: str  # the gate's metric, such as `accuracy`
    value: float  # the value of `metric`
    dataset_version: str
    run_id: str
    name: str = ""
    is_pruned: bool = False  # whether its weights were deleted; its lineage and metrics stay
    held: str = ""  # why its weights are kept at any age; empty if nothing protects them


def open_registry(settings: BaseSettings) -> Registry:
    """Open the registry for the model name in the settings."""
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
        self,
        model: Ref,
        lineage: Lineage,
        metric: str,
        value: float,
        files: Sequence[Path] = (),
        tracked: str | None = None,
    ) -> Version:
        """Register a model that `find` does not find as a new version, with its lineage.

        Later candidates are compared by `metric` and `value`. `tracked` is the MLflow run of the
        model's run, if that is tracked. Raises PipelineError if the model has versions that an
        older project or another tool registered.
        """
        self._check_ownership()
        run_id = log_run(self._client, self.name, self._folder, lineage, files, tracked)
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
        """Return the version whose weights have this SHA-256; None if there is none."""
        query = f"name = '{self.name}' and tags.digest = '{digest}'"
        versions = self._client.search_model_versions(query, order_by=["version_number ASC"])
        return next((_parse_version(version) for version in versions if _has_schema(version)), None)

    def read_version(self, number: int) -> Version | None:
        """Return the version of this number; None if there is none."""
        try:
            version = self._client.get_model_version(self.name, str(number))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        return _parse_version(version) if _has_schema(version) else None

    def restore(self, number: int, model: Ref, run_id: str) -> None:
        """Point a version to another copy of its weights and to a run, and mark them as present."""
        self._set_tag(self.name, number, "uri", model.uri)
        self._set_tag(self.name, number, "run_id", run_id)
        self.mark_whole(self.name, number)

    def mark_pruned(self, name: str, number: int) -> None:
        """Mark a version's weights as deleted."""
        self._set_tag(name, number, _WEIGHTS, _PRUNED)

    def mark_whole(self, name: str, number: int) -> None:
        """Mark a version's weights as present."""
        if _WEIGHTS in self._client.get_model_version(name, str(number)).tags:
            self._client.delete_model_version_tag(name, str(number), _WEIGHTS)

    @contextmanager
    def explain_errors(self) -> Iterator[None]:
        """Turn MLflow's exceptions into a PipelineError that names the registry."""
        try:
            yield
        except MlflowException as error:
            place = find_server() or self._folder
            raise PipelineError(f"the model registry at {place} does not answer: {error}") from None

    def list_versions(self) -> list[Version]:
        """List the versions of all models, with the reason why each keeps its weights, if any.

        Leaves out the versions that an older project or another tool registered.
        """
        versions: list[Version] = []
        reasons: dict[str, dict[int, str]] = {}  # by model and version number
        token = None
        while True:
            page = self._client.search_model_versions(page_token=token)
            for version in page:
                if not _has_schema(version):
                    continue
                if version.name not in reasons:
                    reasons[version.name] = self._find_held_versions(version.name)
                reason = reasons[version.name].get(int(version.version), "")
                if KEEP in version.tags:
                    reason = reason or "marked keep"
                versions.append(replace(_parse_version(version), held=reason))
            token = page.token
            if not token:
                return versions

    def champion(self) -> Version | None:
        """Return the champion, the version that is served; None before the first deployment."""
        try:
            version = self._client.get_model_version_by_alias(self.name, CHAMPION)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        return _parse_version(version) if _has_schema(version) else None

    def promote(self, number: int) -> None:
        """Make a version the champion and add it to the history of champions."""
        history = self._read_history()
        if history[-1:] != [number]:
            # Write the history before the alias: `rollback` works after a crash in between.
            self._write_history([*history, number])
        self._client.set_registered_model_alias(self.name, CHAMPION, str(number))
        log.info("version %d is the champion of %s", number, self.name)

    def rollback(self, store: Store) -> Version:
        """Make the previous champion the champion again.

        Raises PipelineError if there is no previous champion, or its weights are gone.
        """
        with store.guard():  # keeps a prune from deleting the weights meanwhile
            current = self.champion()
            if current is None:
                raise PipelineError(f"{self.name} has no champion: `make run` deploys one")
            history = self._read_history()
            number = _find_previous(history, current.number)
            if number is None:
                raise PipelineError(f"{self.name} has no champion before version {current.number}")
            previous = _parse_version(self._client.get_model_version(self.name, str(number)))
            if previous.is_pruned or not store.has(previous.model):
                raise PipelineError(
                    f"the weights of version {number}, the champion before version "
                    f"{current.number}, are gone: a run that trains the same model restores them"
                )
            self._client.set_registered_model_alias(self.name, CHAMPION, str(number))
            self._write_history(history[: _find_last(history, current.number)])
        return previous

    def _find_held_versions(self, name: str) -> dict[int, str]:
        """Return why versions of a model are held, by number: an alias, or the last champion."""
        model = self._client.get_registered_model(name)
        aliases = {alias: int(number) for alias, number in model.aliases.items()}
        history = _parse_numbers(model.tags.get(_HISTORY, ""))
        previous = _find_previous(history, aliases.get(CHAMPION))
        reasons = {} if previous is None else {previous: "the champion before"}
        return reasons | {number: alias for alias, number in aliases.items()}

    def _check_ownership(self) -> None:
        """Raise PipelineError if an older project or another tool registered versions."""
        versions = self._client.search_model_versions(f"name = '{self.name}'")
        if foreign := [version.version for version in versions if not _has_schema(version)]:
            raise PipelineError(
                f"the model {self.name} in the registry at {find_server() or self._folder} has "
                f"versions that an older project or another tool registered, such as {foreign[0]}. "
                "They are left alone: choose another register.model_name"
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
    """Return the last index of a number, or 0 if the list does not contain it."""
    return len(numbers) - 1 - numbers[::-1].index(number) if number in numbers else 0


def _find_previous(history: list[int], champion: int | None) -> int | None:
    """Return the champion before this one; None if there is none."""
    index = _find_last(history, champion) if champion is not None else 0
    return history[index - 1] if index else None


def _has_schema(version: Any) -> bool:
    """Whether a project with this schema registered the version."""
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
