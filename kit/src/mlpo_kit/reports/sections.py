"""Sections that a project adds to the page of a run.

PIPELINE names the function that makes them, such as `report="report:make_sections"`:

    def make_sections(results: RunResults) -> list[Section]:
        errors = results.read_json("evaluate.report")["errors"]
        return [Section("Errors", format_table(["row", "error"], enumerate(errors)))]
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import IntegrityError
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.records import Record
from mlpo_kit.store import Ref, Store


@dataclass(frozen=True)
class Section:
    """A section of the page. `html` is inserted as it is: escape text that may contain `<`."""

    title: str
    html: str
    is_wide: bool = False  # the full width of the page, instead of half of it


class RunResults:
    """The results of a run's stages, by `<stage>.<output>`. Missing results are None."""

    def __init__(self, store: Store, records: Mapping[str, Record]) -> None:
        """Read the results from a run's records, which are given by stage."""
        self._store, self._records = store, records

    def value(self, name: str) -> Any:
        """Return a small value, such as `train.best_epoch`."""
        stage, _, output = name.partition(".")
        record = self._records.get(stage)
        return None if record is None else record.values.get(output)

    def open(self, name: str) -> Path | None:
        """Return the file of a stage's output or input, such as `evaluate.predictions`."""
        stage, _, payload = name.partition(".")
        record = self._records.get(stage)
        refs: Mapping[str, Ref] = {} if record is None else {**record.inputs, **record.outputs}
        try:
            return self._store.open(refs[payload]) if payload in refs else None
        except IntegrityError:
            return None

    def read_json(self, name: str) -> Any:
        """Read a JSON document, such as `evaluate.report`; None if it is not JSON."""
        if (path := self.open(name)) is not None:
            with suppress(ValueError):
                return json.loads(path.read_text(encoding="utf-8"))
        return None

    def read_lines(self, name: str) -> list[Any]:
        """Read a file with one JSON document per line; an empty list if it is not one."""
        if (path := self.open(name)) is not None:
            with suppress(ValueError):
                return list(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
        return []


def format_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Format rows as an HTML table. Escapes their text."""
    lines = [_format_row(head, "th"), *(_format_row(row, "td") for row in rows)]
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def make_project_sections(results: RunResults) -> list[Section]:
    """Call the function that PIPELINE names; if it fails, return a section with the error."""
    path = load_pipeline().report
    if path is None:
        return []
    try:
        module, _, function = path.partition(":")
        return list(getattr(find_project().import_module(module), function)(results))
    except Exception as error:  # an error in the project's report must not fail the run
        return [Section(f"{path} failed", str(escape(repr(error))), is_wide=True)]


def _format_row(cells: Sequence[Any], tag: str) -> Markup:
    texts = (f"{cell:,.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
    inner = Markup("").join(Markup(f"<{tag}>{{}}</{tag}>").format(text) for text in texts)
    return Markup("<tr>{}</tr>").format(inner)
