"""Run one stage and record it, whichever orchestrator asked. Managed by mlpo."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python

from . import records
from .errors import PipelineError
from .fingerprint import code_digest
from .stage import Stage
from .store import Ref
from .workspace import Run, Workspace

R = TypeVar("R")

log = logging.getLogger(__name__)


def run_stage(run: Run, stage: Stage[R], **inputs: Any) -> R:
    """Call a stage with its settings section and a workspace, and record what came of it.

    References among the inputs are recorded; the fields of the dataclass that the stage returns
    are recorded as its outputs (references) and values (everything else). Whatever the stage
    raises is recorded, then raised again.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    store = run.store
    with store.stage_lock(run.id, stage.name):
        record = _begin(run, stage, inputs)
        records.note(store, record)
        try:
            section = getattr(run.settings, stage.name)
            result = stage.load()(section, Workspace(run, stage.name), **inputs)
            outputs, values = _split(result)
            done = replace(record, state="ok", ended=time.time(), outputs=outputs, values=values)
            records.note(store, done)
        except BaseException as error:
            reason = str(error) if isinstance(error, PipelineError) else repr(error)
            records.note(store, replace(record, state="failed", ended=time.time(), error=reason))
            raise
    return result


def _begin(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> records.Record:
    """The record of a stage that starts now."""
    if run.resumes is not None:
        records.take_over(run.store, run.resumes, run.id, before=stage.name)
    before = records.read(run.store, run.id, stage.name)
    return records.Record(
        run_id=run.id,
        orchestrator=run.orchestrator,
        stage=stage.name,
        state="running",
        started=time.time(),
        code=code_digest(),
        attempt=before.attempt + 1 if before else 1,
        settings=to_jsonable_python(getattr(run.settings, stage.name)),
        inputs={name: value for name, value in inputs.items() if isinstance(value, Ref)},
    )


def _split(result: object) -> tuple[dict[str, Ref], dict[str, Any]]:
    """A stage's result as references and JSON values."""
    if not is_dataclass(result) or isinstance(result, type):
        raise TypeError(f"a stage returns a dataclass, not {type(result).__name__}")
    pairs = {item.name: getattr(result, item.name) for item in fields(result)}
    outputs = {name: value for name, value in pairs.items() if isinstance(value, Ref)}
    plain = asdict(result)
    return outputs, {name: plain[name] for name in pairs if name not in outputs}
