"""Open a run: its settings, its metrics, its curves, its files and its data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import IntegrityError, PipelineError, suggest
from mlpo_kit.notebook.drawing import Drawing, draw_history
from mlpo_kit.runs.identify import find_run
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.progress import list_epochs
from mlpo_kit.runs.records import Record, read_existing_records, read_trials
from mlpo_kit.runs.summary import find_metrics, find_status
from mlpo_kit.store import Ref, Store, open_store
from mlpo_kit.store.arrays import map_arrays
from mlpo_kit.training.splits import Split, open_splits

DATA = {"dataset", "splits"}  # the outputs of the stage that prepares the data


def open_run(which: str = "latest", *, profile: str = "local") -> OpenedRun:
    """Open a run of the project that contains the working folder, as it is at this moment.

    which: the run's id or a part of it, or `latest`
    profile: the settings that name the store, a file of configs/

    Raises PipelineError if there is no such run.
    """
    store = open_store(load_settings(profile))
    run_id = find_run(store, str(which))
    records = read_existing_records(store, run_id)
    return OpenedRun(run_id, find_status(records), store, records)


@dataclass(frozen=True)
class OpenedRun:
    """A run and its results, as its stages recorded them."""

    id: str
    status: str  # completed, refused, failed, running ...
    _store: Store = field(repr=False)
    _records: Mapping[str, Record] = field(repr=False)

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings of each stage that started: `run.settings["train"]["epochs"]`."""
        return {stage: dict(record.settings) for stage, record in self._records.items()}

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics on the test split, by name; empty before the evaluation."""
        return find_metrics(dict(self._records), load_pipeline())

    @property
    def history(self) -> list[dict[str, float]]:
        """The training, a dictionary per epoch: for `pandas.DataFrame(run.history)`.

        These are the epochs so far while it trains, and also if it was stopped or failed. Empty
        before its first epoch, and during a sweep: see `trials`.
        """
        training = load_pipeline().training_stage
        return self._read_history(training, self._records.get(training))

    @property
    def trials(self) -> dict[str, OpenedTrial]:
        """The trials of a sweep that have started, by name: `run.trials["train-1"].history`."""
        return {
            trial.stage: OpenedTrial(
                trial.stage,
                trial.state,
                dict(trial.settings),
                self._read_history(trial.stage, trial),
            )
            for trial in read_trials(self._store, self.id)
        }

    @property
    def report(self) -> str:
        """The report of the run, an HTML page."""
        from mlpo_kit.reports.page import build_report

        return build_report(self._store, self.id)

    def draw_history(self) -> Drawing:
        """Draw the curves of the training, one chart per metric; a notebook shows them."""
        return draw_history(self.history)

    def read(self, name: str) -> Any:
        """Read an output of a stage, such as `evaluate.report`, or all of them, such as `evaluate`.

        Small values are returned as they are, JSON files as documents, files of arrays as
        memory-mapped arrays by name, and other files, such as the weights, as their path. Raises
        PipelineError if the run has no such output, or its file is gone.
        """
        stage, _, output = name.partition(".")
        if stage not in self._records:
            known = ", ".join(self._records)
            hint = suggest(stage, self._records) or f"; there is: {known}"
            raise PipelineError(f"run {self.id} has no stage {stage!r}{hint}")
        record = self._records[stage]
        names = [*record.values, *record.outputs]
        if not output:
            return {each: self.read(f"{stage}.{each}") for each in names}
        if output in record.values:
            return record.values[output]
        if output not in record.outputs:
            hint = suggest(output, names) or f"; there is: {', '.join(names) or 'nothing'}"
            raise PipelineError(f"{stage} of run {self.id} has no output {output!r}{hint}")
        return _read_file(self._open(record.outputs[output], name))

    def open_data(self) -> dict[str, Split]:
        """Open the data of the run: `train`, `val` and `test`, by name.

        `split.read_samples()` reads the samples [m, ...], `split.targets` are their targets [m].
        The samples stay in the dataset's file until they are read. Raises PipelineError if the run
        has prepared no data, or its files are gone.
        """
        for record in self._records.values():
            if record.outputs.keys() >= DATA:
                dataset, splits = (self._open(record.outputs[name], name) for name in sorted(DATA))
                return open_splits(dataset, splits)[0]
        raise PipelineError(f"run {self.id} has prepared no data: its status is {self.status}")

    def find(self, name: str) -> Any:
        """Find a small value, or the path of a file; None if the run does not have it.

        Raises PipelineError if the file is gone.
        """
        stage, _, output = name.partition(".")
        record = self._records.get(stage)
        if record is None or output not in record.outputs:
            return None if record is None else record.values.get(output)
        return self._open(record.outputs[output], name)

    def _read_history(self, stage: str, record: Record | None) -> list[dict[str, float]]:
        """Read the history that a stage or trial returned; without one, its epochs so far."""
        if record is None or "history" not in record.outputs:
            return list_epochs(self._store, self.id, stage)
        epochs: list[dict[str, float]] = _read_file(
            self._open(record.outputs["history"], f"{stage}.history")
        )
        return epochs

    def _open(self, ref: Ref, name: str) -> Path:
        """Open a file of the run; raises PipelineError that says what brings it back."""
        try:
            return self._store.open(ref)
        except IntegrityError as error:
            raise PipelineError(
                f"the file {name} of run {self.id} is gone ({error}): `make run` writes it again; "
                "retention deletes the files of old runs, and an imported run has no data"
            ) from None


@dataclass(frozen=True)
class OpenedTrial:
    """One training of a sweep, with its own settings, as it is at this moment."""

    name: str  # such as `train-1`
    status: str  # running, completed, reused, failed ...
    settings: Mapping[str, Any]  # of the training stage
    history: Sequence[Mapping[str, float]] = field(repr=False)  # a dictionary per epoch so far

    def draw_history(self) -> Drawing:
        """Draw the curves of this training, one chart per metric; a notebook shows them."""
        return draw_history(self.history)


def _read_file(path: Path) -> Any:
    """Read a file by its kind."""
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".safetensors" and (arrays := _map_arrays(path)) is not None:
        return arrays
    return path


def _map_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Map the arrays of a file; None if it holds something else, such as half-precision weights."""
    try:
        return map_arrays(path)
    except (KeyError, ValueError):
        return None
