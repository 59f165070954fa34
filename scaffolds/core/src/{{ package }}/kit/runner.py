"""Run one stage and record it, whichever orchestrator asked. Managed by mlpo."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic_core import to_jsonable_python

from ..settings import Settings
from . import records
from .errors import PipelineError
from .store import Ref, Store

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """One run of the pipeline: its id, who orchestrates it, and all its settings."""

    id: str
    orchestrator: str
    settings: Settings
    resumes: str | None = None  # the id of the run that this one goes on from

    @property
    def store(self) -> Store:
        """The store that the settings name."""
        return Store(self.settings.store_root)


@dataclass(frozen=True)
class Workspace:
    """What a stage may touch: its own folder in the store, and payloads by reference."""

    run: Run
    directory: Path

    @property
    def store(self) -> Store:
        """The store of this run."""
        return self.run.store

    def open(self, ref: Ref) -> Path:
        """The verified file behind a reference."""
        return self.store.open(ref)

    def path(self, name: str) -> Path:
        """Where to write a payload of this stage."""
        return self.directory / name

    def ref(self, name: str) -> Ref:
        """The reference of a payload that this stage wrote."""
        return self.store.reference(self.directory / name)


def run_stage(
    run: Run,
    stage: Callable[Concatenate[Any, Workspace, P], R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Call a stage with its settings section and a workspace, and record what came of it.

    References among the stage's keyword arguments are recorded as its inputs; the fields of
    the dataclass that it returns as its outputs (references) and values (everything else).
    Whatever the stage raises is recorded, then raised again.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    name = stage.__name__
    section = getattr(run.settings, name)
    store = run.store
    with records.stage_lock(store, run.id, name):
        if run.resumes is not None:
            records.take_over(store, run.resumes, run.id, before=name)
        before = records.read(store, run.id, name)
        record = records.Record(
            run_id=run.id,
            orchestrator=run.orchestrator,
            stage=name,
            state="running",
            started=time.time(),
            code=code_digest(),
            attempt=before.attempt + 1 if before else 1,
            settings=to_jsonable_python(section),
            inputs={key: value for key, value in kwargs.items() if isinstance(value, Ref)},
        )
        _note(store, record)
        try:
            result = stage(section, Workspace(run, store.stage_dir(run.id, name)), *args, **kwargs)
            outputs, values = _split(result)
            done = replace(record, state="ok", ended=time.time(), outputs=outputs, values=values)
            _note(store, done)
        except BaseException as error:
            reason = str(error) if isinstance(error, PipelineError) else repr(error)
            _note(store, replace(record, state="failed", ended=time.time(), error=reason))
            raise
    return result


def _note(store: Store, record: records.Record) -> None:
    records.write(store, record)
    records.refresh_latest(store)


def _split(result: object) -> tuple[dict[str, Ref], dict[str, Any]]:
    """A stage's result as references and JSON values."""
    if not is_dataclass(result) or isinstance(result, type):
        raise TypeError(f"a stage returns a dataclass, not {type(result).__name__}")
    pairs = {item.name: getattr(result, item.name) for item in fields(result)}
    outputs = {name: value for name, value in pairs.items() if isinstance(value, Ref)}
    plain = asdict(result)
    return outputs, {name: plain[name] for name in pairs if name not in outputs}


def code_digest() -> str:
    """SHA-256 over the project package's Python files, names and bytes, in hex."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
