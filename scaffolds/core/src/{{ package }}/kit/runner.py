"""Run one stage, or use what an earlier run made of the same, and record it. Managed by mlpo."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from importlib import import_module
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from . import cache, fingerprint, records
from .cache import Entry
from .cluster import check_shared
from .errors import IntegrityError, PipelineError
from .records import Record
from .stage import Stage
from .store import Ref, Store
from .workspace import Run, Workspace

R = TypeVar("R")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hit(Generic[R]):
    """What a stage would return, and the run (or its trial) that did the work."""

    result: R
    origin: str


@dataclass(frozen=True)
class Lookup:
    """What the cache says about a stage that is about to run."""

    state: str  # hit | miss | off
    reason: str
    parts: fingerprint.Parts | None = None  # None where the result is not to be kept
    entry: Entry | None = None

    @property
    def key(self) -> str | None:
        """The stage's key, where it has one."""
        return fingerprint.key_of(self.parts) if self.parts else None


def run_stage(run: Run, stage: Stage[R], **inputs: Any) -> R:
    """Return what the stage makes of its settings section and inputs, and record it.

    Where an earlier run made it of the very same code, settings, inputs and packages, that is
    returned. Functions among the inputs only watch: they are not called then. Whatever the stage
    raises is recorded, then raised again.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    check_shared(run.settings)
    store = run.store
    with store.stage_lock(run.id, stage.home):
        record = _begin(run, stage, inputs)
        try:
            found = look_up(run, stage, inputs)
            record = replace(record, cache=found.state, reason=found.reason, key=found.key)
            if found.entry is not None:
                return _use(store, record, stage, found.entry)
            records.note(store, record)
            section = getattr(run.settings, stage.name)
            work = Workspace(run, stage.home, record.key)
            result = stage.load()(section, work, **inputs)
            outputs, values = _split(result)
            done = replace(record, state="ok", ended=time.time(), outputs=outputs, values=values)
            records.note(store, done)
            if found.parts is not None:
                _keep(run, stage, inputs, found.parts, done)
            work.drop_checkpoints()
        except BaseException as error:
            reason = str(error) if isinstance(error, PipelineError) else repr(error)
            records.note(store, replace(record, state="failed", ended=time.time(), error=reason))
            raise
    return result


def reuse(run: Run, stage: Stage[R], **inputs: Any) -> Hit[R] | None:
    """What an earlier run made of the same, recorded for this run; None when it has to run.

    For a gate before a stage that needs a GPU: it looks, and never runs the stage.
    """
    found = look_up(run, stage, inputs)
    if found.entry is None:
        return None
    with run.store.stage_lock(run.id, stage.home):
        record = replace(_begin(run, stage, inputs), reason=found.reason, key=found.key)
        result = _use(run.store, replace(record, cache=found.state), stage, found.entry)
    return Hit(result, found.entry.origin)


def result_of(store: Store, stage: Stage[R], run_id: str) -> R:
    """What a stage returned in a run.

    Raises IntegrityError when it did not end well there, or a payload of it is gone.
    """
    record = records.read(store, run_id, stage.home)
    if record is None or record.state != "ok":
        raise IntegrityError(f"there is no result of {stage.home} in run {run_id}")
    for ref in record.outputs.values():
        store.check(ref)
    return _result(stage, record.outputs, record.values)


def look_up(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Lookup:
    """Whether the stage's result is there already, and why or why not."""
    found = identify(run, stage, inputs)
    if found.state == "off" or found.parts is None or found.key is None:
        return found
    answer = cache.look_up(run.store, stage.name, found.key, found.parts, oldest_of(run))
    state = "hit" if answer.entry else "miss"
    return replace(found, state=state, reason=answer.reason, entry=answer.entry)


def oldest_of(run: Run) -> float:
    """The time before which results are too old to be used, in seconds since the epoch."""
    return time.time() - run.settings.caching.max_age_days * cache.DAY


def identify(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Lookup:
    """What the stage depends on, as a miss; or why the cache is not asked."""
    caching = run.settings.caching
    if not stage.cached:
        return Lookup("off", "always runs")
    if not caching.enabled:
        return Lookup("off", "caching.enabled is false")
    if stage.name in caching.always_run:
        return Lookup("off", "caching.always_run names it")
    parts = _parts(run, stage, inputs)
    if parts is None:
        return Lookup("off", "only a run can tell what its source holds")
    if not run.use_cache:
        return Lookup("off", "the run was told not to use the cache", parts)
    return Lookup("miss", "", parts)


def _parts(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> fingerprint.Parts | None:
    """What the result depends on; None when it also depends on what can't be told."""
    section = getattr(run.settings, stage.name)
    parts = fingerprint.parts_of(stage.module, section, inputs)
    if stage.source is None:
        return parts
    module, _, function = stage.source.partition(":")
    held: str | None = getattr(import_module(module), function)(section)
    return None if held is None else {**parts, "source": held}


def _begin(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Record:
    """Record that a stage starts now. Under the guard: pruning has ended, or sees this run."""
    store = run.store
    with store.guard():
        if run.resumes is not None:
            records.take_over(store, run.resumes, run.id, before=stage.name)
        before = records.read(store, run.id, stage.home)
        record = Record(
            run_id=run.id,
            orchestrator=run.orchestrator,
            stage=stage.home,
            state="running",
            started=time.time(),
            code=fingerprint.code_digest(),
            attempt=before.attempt + 1 if before else 1,
            settings=to_jsonable_python(getattr(run.settings, stage.name)),
            inputs={name: value for name, value in inputs.items() if isinstance(value, Ref)},
        )
        records.note(store, record)
    return record


def _use(store: Store, record: Record, stage: Stage[R], entry: Entry) -> R:
    """Record that an entry is used, and return what the stage would."""
    result = _result(stage, entry.outputs, entry.values)
    done = replace(
        record, state="ok", ended=time.time(), outputs=entry.outputs, values=entry.values
    )
    records.note(store, done)
    log.info("%s: %s", stage.home, record.reason)
    return result


def _keep(
    run: Run, stage: Stage[Any], inputs: dict[str, Any], parts: fingerprint.Parts, done: Record
) -> None:
    """Keep a result for later runs, unless something was changed while the stage ran."""
    if fingerprint.was_edited(stage.module) or _parts(run, stage, inputs) != parts:
        log.info("%s: not kept for later runs: something changed while it ran", stage.home)
        return
    key = fingerprint.key_of(parts)
    made = (done.outputs, done.values, stage.place)
    cache.remember(run.store, Entry(stage.name, key, parts, run.id, time.time(), *made))


def _result(stage: Stage[R], outputs: dict[str, Ref], values: dict[str, Any]) -> R:
    """The dataclass that a stage returns, from its record."""
    return TypeAdapter(stage.result).validate_python({**values, **outputs})


def _split(result: object) -> tuple[dict[str, Ref], dict[str, Any]]:
    """A stage's result as references and JSON values."""
    if not is_dataclass(result) or isinstance(result, type):
        raise TypeError(f"a stage returns a dataclass, not {type(result).__name__}")
    pairs = {item.name: getattr(result, item.name) for item in fields(result)}
    outputs = {name: value for name, value in pairs.items() if isinstance(value, Ref)}
    plain = asdict(result)
    return outputs, {name: plain[name] for name in pairs if name not in outputs}
