"""Read what lists and comparisons of runs show, from all runs of a store.

Each JSON file of a run is read once. Files that can't be used are listed as problems.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from mlpo_kit.config.documents import flatten
from mlpo_kit.runs.pipeline import Pipeline
from mlpo_kit.runs.records import (
    OLDER,
    SCHEMA_VERSION,
    Record,
    arrange_records,
    correct_state,
    find_trials,
    parse_record,
)
from mlpo_kit.runs.start import Start, read_start
from mlpo_kit.runs.summary import find_metrics, find_status
from mlpo_kit.store.base import Store

READERS = 16  # runs to read at a time from a bucket
NAMED = 3  # runs or files to name in a problem
OTHER = "written by another version of mlpo-kit"


@dataclass(frozen=True)
class RunOverview:
    """One run, or one trial of its sweep. Settings and values are given by dotted name."""

    run_id: str
    started: float  # seconds since the epoch
    status: str
    reason: str | None = None  # why it has this status
    trial: str | None = None  # the trial's name, such as `train-3`; None for a run
    seconds: float | None = None  # from start to end; None if the end is not known
    orchestrator: str = ""
    device: str | None = None
    dataset: str | None = None
    version: int | None = None  # of the registered model
    alias: str | None = None  # that the run gave the version
    code: str = ""  # digest of the project's code
    commit: str | None = None
    is_clean: bool | None = None  # whether the working tree was as in the commit
    kit: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)  # the gate's and those beside it
    settings: Mapping[str, Any] = field(default_factory=dict)  # such as `train.epochs`
    values: Mapping[str, Any] = field(default_factory=dict)  # of the stages: `train.val_loss`
    stages: Mapping[str, tuple[str, float | None]] = field(default_factory=dict)  # state, seconds
    sweep_metric: str | None = None  # of a trial: the value that decides, such as `train.val_loss`
    has_start: bool = False  # whether the settings are those of all sections

    @property
    def sections(self) -> frozenset[str]:
        """The sections whose settings are known."""
        return frozenset(name.partition(".")[0] for name in self.settings)


@dataclass(frozen=True)
class Overviews:
    """The runs and trials of a store, newest first, and sentences about what was left out."""

    runs: tuple[RunOverview, ...]
    problems: tuple[str, ...] = ()


@dataclass
class _Files:
    """The JSON files of a run: what they hold, and what is wrong with them."""

    records: dict[str, Record] = field(default_factory=dict)
    start: Start | None = None
    sweep_metric: str | None = None
    damaged: list[str] = field(default_factory=list)  # keys
    is_older: bool = False
    is_of_other_kit: bool = False


def read_overviews(store: Store, pipeline: Pipeline, with_trials: bool = False) -> Overviews:
    """Read all runs of a store, with `with_trials` each followed by the trials of its sweep."""
    run_ids = [name for name in store.children("runs") if not name.endswith(".json")]
    by_run = dict(zip(run_ids, _read_all(store, run_ids, pipeline), strict=True))
    listed: list[tuple[RunOverview, list[RunOverview]]] = []
    for run_id, files in by_run.items():
        if files.records or files.start is not None:
            run = describe_run(run_id, files.records, files.start, pipeline)
            trials = describe_trials(run, files.records, files.sweep_metric)
            listed.append((run, trials if with_trials else []))
    listed.sort(key=lambda pair: (pair[0].started, pair[0].run_id), reverse=True)
    rows = [row for run, trials in listed for row in (run, *trials)]
    return Overviews(tuple(rows), tuple(_list_problems(by_run)))


def read_overview(store: Store, pipeline: Pipeline, run_id: str) -> RunOverview | None:
    """Read one run; None if it has no readable record."""
    files = _read_files(store, run_id, pipeline)
    if not files.records and files.start is None:
        return None
    return describe_run(run_id, files.records, files.start, pipeline)


def describe_run(
    run_id: str, records: Mapping[str, Record], start: Start | None, pipeline: Pipeline
) -> RunOverview:
    """Describe a run by all of its records, trials included, and by what it started from."""
    by_stage = arrange_records(records) or dict(records)
    own = [r for r in by_stage.values() if r.taken_from is None] or list(by_stage.values())
    status = find_status(by_stage) if by_stage else "incomplete"
    highlights = pipeline.highlights
    metrics = find_metrics(by_stage, pipeline) if by_stage else {}
    values = _collect_values(by_stage.values())
    sections = {record.stage: record.settings for record in by_stage.values()}
    started = start.started if start else min(record.started for record in own)
    version = values.get(highlights.version)
    return RunOverview(
        run_id=run_id,
        started=started,
        status=status,
        reason=next((r.reason for r in by_stage.values() if r.state == status), None),
        seconds=_measure_seconds(started, own),
        orchestrator=start.orchestrator if start else own[0].orchestrator,
        device=_get_text(values, highlights.device),
        dataset=_get_text(values, highlights.dataset),
        version=version if isinstance(version, int) else None,
        alias=_get_text(values, highlights.alias),
        code=next((record.code for record in own), ""),
        commit=start.commit if start else None,
        is_clean=start.is_clean if start else None,
        kit=start.kit if start else "",
        metrics={name: v for name, v in metrics.items() if isinstance(v, (int, float))},
        settings=dict(flatten(start.settings if start else sections)),
        values=values,
        stages={name: (record.state, record.seconds) for name, record in by_stage.items()},
        has_start=start is not None,
    )


def describe_trials(
    run: RunOverview, records: Mapping[str, Record], metric: str | None = None
) -> list[RunOverview]:
    """Describe the trials of a run's sweep that have a record, in order.

    `metric` is the value of the training stage by which the sweep chooses the best, if it is known.
    """
    trials = []
    for record in find_trials(records):
        stage = record.stage.rpartition("-")[0]
        others = {n: v for n, v in run.settings.items() if n.partition(".")[0] != stage}
        values = _collect_values([record], stage)
        trials.append(
            RunOverview(
                run_id=run.run_id,
                trial=record.stage,
                started=record.started,
                status=record.state,
                reason=record.reason,
                seconds=record.seconds,
                orchestrator=record.orchestrator,
                device=_get_text(values, f"{stage}.device"),
                dataset=run.dataset,
                code=record.code,
                commit=run.commit,
                is_clean=run.is_clean,
                kit=run.kit,
                settings={**others, **dict(flatten(record.settings, stage))},
                values=values,
                sweep_metric=None if metric is None else f"{stage}.{metric}",
                stages={stage: (record.state, record.seconds)},
                has_start=run.has_start,
            )
        )
    return trials


def _read_all(store: Store, run_ids: list[str], pipeline: Pipeline) -> list[_Files]:
    if len(run_ids) < READERS or not _is_slow(store):
        return [_read_files(store, run_id, pipeline) for run_id in run_ids]
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda run_id: _read_files(store, run_id, pipeline), run_ids))


def _is_slow(store: Store) -> bool:
    """Whether each access takes so long that several at a time are worth their threads."""
    return store.grace > 0  # a bucket


def _read_files(store: Store, run_id: str, pipeline: Pipeline) -> _Files:
    files, unknown = _Files(), []
    for name in store.children(f"runs/{run_id}"):
        stem, _, ending = name.rpartition(".")
        if ending != "json":
            continue
        key = f"runs/{run_id}/{name}"
        if stem == "run":
            files.start = _check_start(read_start(store, run_id))
            files.damaged += [] if files.start else [key]
            continue
        try:
            document = json.loads(store.read(key))
        except FileNotFoundError:  # deleted in the meantime
            continue
        except ValueError:
            files.damaged.append(key)
            continue
        if stem == "sweep":
            metric = document.get("metric") if isinstance(document, dict) else None
            files.sweep_metric = metric if isinstance(metric, str) else None
        elif not isinstance(document, dict) or not {"stage", "state"} <= document.keys():
            unknown.append(stem)
        elif (schema := document.get("schema_version", 1)) != SCHEMA_VERSION:
            is_newer = isinstance(schema, int) and schema > SCHEMA_VERSION
            files.is_of_other_kit |= is_newer
            files.is_older |= not is_newer
        else:
            try:
                files.records[stem] = correct_state(store, parse_record(document))
            except (ValueError, TypeError, KeyError, AttributeError):
                files.damaged.append(key)
    stages = {*pipeline.names, *(name for r in files.records.values() for name in r.stages)}
    files.damaged += [f"runs/{run_id}/{stem}.json" for stem in unknown if stem in stages]
    return files


def _check_start(start: Start | None) -> Start | None:
    """Return what a run started from, if the parts that are needed here are not damaged."""
    if start is None or not isinstance(start.started, (int, float)):
        return None
    return start if isinstance(start.settings, dict) else None


def _list_problems(by_run: Mapping[str, _Files]) -> list[str]:
    """Say in a sentence each which runs are left out, and which files are."""
    unread = {i: files for i, files in by_run.items() if not files.records and not files.start}
    older = [run_id for run_id, files in unread.items() if files.is_older]
    other = [i for i, files in unread.items() if files.is_of_other_kit and i not in older]
    damaged = [key for files in by_run.values() for key in files.damaged]
    problems = []
    for run_ids, reason in ((older, OLDER), (other, OTHER)):
        if run_ids:
            problems.append(f"left out, {reason}: {_name_some(run_ids, 'run')}")
    if damaged:
        problems.append(f"can't be read, damaged: {_name_some(damaged, 'file')}")
    return problems


def _name_some(names: list[str], word: str) -> str:
    """Count names and list the first of them: `5 runs (a, b, c, ...)`."""
    some = ", ".join([*names[:NAMED], *(["..."] if len(names) > NAMED else [])])
    return f"{len(names)} {word}{'s' if len(names) > 1 else ''} ({some})"


def _collect_values(records: Iterable[Record], stage: str | None = None) -> dict[str, Any]:
    """Collect the values of stages by dotted name; `stage` replaces the name of a trial."""
    return dict(
        pair for record in records for pair in flatten(record.values, stage or record.stage)
    )


def _measure_seconds(started: float, records: list[Record]) -> float | None:
    ends = [record.ended for record in records]
    known = [end for end in ends if end is not None]
    return round(max(known) - started, 3) if known and len(known) == len(ends) else None


def _get_text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return None if value is None else str(value)
