"""Sections of a run's page that are a project's own.

PIPELINE names the function that makes them, `report="report:make_sections"`:

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
    """A part of the page. `html` goes there as it is: escape what may hold a `<`."""

    title: str
    html: str
    is_wide: bool = False  # as wide as the page, instead of half of it


class RunResults:
    """What the stages of a run came to, by `<stage>.<output>`; None for what is not there."""

    def __init__(self, store: Store, records: Mapping[str, Record]) -> None:
        """Look into the records of a run, by stage."""
        self._store, self._records = store, records

    def value(self, name: str) -> Any:
        """Return a small value, such as that of `train.best_epoch`."""
        stage, _, output = name.partition(".")
        record = self._records.get(stage)
        return None if record is None else record.values.get(output)

    def open(self, name: str) -> Path | None:
        """Return the file of a payload that a stage made, or took, as `evaluate.predictions`."""
        stage, _, payload = name.partition(".")
        record = self._records.get(stage)
        refs: Mapping[str, Ref] = {} if record is None else {**record.inputs, **record.outputs}
        try:
            return self._store.open(refs[payload]) if payload in refs else None
        except IntegrityError:
            return None

    def read_json(self, name: str) -> Any:
        """Read a payload that is a JSON document, such as `evaluate.report`; None for others."""
        if (path := self.open(name)) is not None:
            with suppress(ValueError):
                return json.loads(path.read_text(encoding="utf-8"))
        return None

    def read_lines(self, name: str) -> list[Any]:
        """Read a payload that holds a line of JSON for each item; an empty list for others."""
        if (path := self.open(name)) is not None:
            with suppress(ValueError):
                return list(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
        return []


def format_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Format rows as a table in HTML, with their text escaped."""
    lines = [_format_row(head, "th"), *(_format_row(row, "td") for row in rows)]
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def make_own_sections(results: RunResults) -> list[Section]:
    """Make the sections that PIPELINE asks for; one that fails says so on the page, and no more."""
    named = load_pipeline().report
    if named is None:
        return []
    try:
        module, _, function = named.partition(":")
        return list(getattr(find_project().import_module(module), function)(results))
    except Exception as error:  # the project's own code: a page must not cost a trained model
        return [Section(f"{named} failed", str(escape(repr(error))), is_wide=True)]


def _format_row(cells: Sequence[Any], tag: str) -> Markup:
    texts = (f"{cell:,.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
    inner = Markup("").join(Markup(f"<{tag}>{{}}</{tag}>").format(text) for text in texts)
    return Markup("<tr>{}</tr>").format(inner)
