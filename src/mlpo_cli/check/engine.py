"""Check the content of one file: read it, find its SDK, run the rules. It knows no disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from mlpo_cli.check import sdk
from mlpo_cli.check.catalog import list_rules, load_rules
from mlpo_cli.check.model import Finding, Sdk
from mlpo_cli.check.module import Finder, Module
from mlpo_cli.check.names import TooDeepError
from mlpo_cli.check.notebook import read_notebook
from mlpo_cli.check.parse import RUNNING, Refusal, Unparsed, parse
from mlpo_cli.check.repair import Version
from mlpo_cli.check.source import Source, TooLargeError, UnreadableError, check_size, decode
from mlpo_cli.check.spec import Spec, read_spec
from mlpo_cli.check.suppress import read_suppressions


@dataclass(frozen=True)
class Result:
    """What was found in a file. `is_relevant`: it uses an SDK or is a compiled pipeline.

    `skipped` says why the file was not checked, `notes` are remarks about it, such as an unknown
    rule in a comment. `source` is not there for a result from the cache.
    """

    findings: tuple[Finding, ...] = ()
    suppressed: int = 0
    skipped: str = ""
    notes: tuple[str, ...] = ()
    is_relevant: bool = True
    source: Source | None = field(default=None, repr=False)


MOST_FINDINGS = 1_000  # of one rule in one file
NOTHING = Result(is_relevant=False)
JINJA = re.compile(r"""[^"'#]*\{[{%]""")  # on a line that is no Python


def is_relevant(data: bytes, kind: str) -> bool:
    """Whether a file may use an SDK or be a compiled pipeline. Most files are not read further."""
    return bool((sdk.MENTION_OF_SPEC if kind == "spec" else sdk.MENTION).search(data))


def check_data(
    data: bytes,
    path: str,
    kind: str,
    file: Path | None = None,
    finder: Finder | None = None,
    target: Version = RUNNING,
) -> Result:
    """Check the content of a file with all rules.

    `path` is the file as it is shown, `file` where it is: local imports start there.
    """
    if not is_relevant(data, kind):
        return NOTHING
    try:
        check_size(len(data), kind)
        return _check(data, path, kind, file or Path(path), finder, target)
    except TooLargeError as error:
        return Result(skipped=str(error))
    except (TooDeepError, RecursionError, MemoryError):
        return Result(skipped="nested too deeply")


def _check(
    data: bytes, path: str, kind: str, file: Path, finder: Finder | None, target: Version
) -> Result:
    source: Source | None = None
    try:
        source = _read(data, path, kind)
        if kind == "spec":
            spec = read_spec(source)
            return _finish(source, _run_on_spec(spec)) if spec else NOTHING
    except UnreadableError as error:
        return _report_unreadable(error, data, path, kind, target, source)
    parsed = parse(source, target)
    module = Module(source, parsed.tree, file, finder) if parsed.tree else None
    sdks = sdk.find_sdks(module) if module else frozenset(Sdk)
    if not sdks:
        return NOTHING
    if parsed.tree is None and parsed.refusal and is_template(source, parsed.refusal):
        return Result(skipped="a template of Jinja")
    findings = [*_run_on_text(source, parsed.refusal, target)] if parsed.refusal else []
    if module is not None:
        findings += _run_on_module(module, sdks)
    return _finish(source, findings)


def is_template(source: Source, refusal: Refusal) -> bool:
    """Whether Python refuses a text at what Jinja puts something else for."""
    line, _ = source.find_position(refusal.offset)
    return JINJA.match(source.get_line(line)) is not None


def _read(data: bytes, path: str, kind: str) -> Source:
    if kind == "notebook":
        return read_notebook(data, path)
    text, encoding = decode(data, kind)
    return Source(path, text, kind, encoding)


def _report_unreadable(
    error: UnreadableError,
    data: bytes,
    path: str,
    kind: str,
    target: Version,
    source: Source | None,
) -> Result:
    if source is None and kind == "notebook":  # its JSON is all that there is
        source = Source(path, data.decode("utf-8", "replace"), kind)
    unparsed = Unparsed(path, kind, str(error), error.offset, None, target, source)
    return Result(tuple(_run_check_text(unparsed)), source=source)


def _run_on_text(source: Source, refusal: Refusal, target: Version) -> Iterator[Finding]:
    reason, offset, needs = refusal.reason, refusal.offset, refusal.needs
    unparsed = Unparsed(source.path, source.kind, reason, offset, needs, target, source)
    yield from _run_check_text(unparsed)


def _run_check_text(unparsed: Unparsed) -> Iterator[Finding]:
    for loaded in load_rules():
        if loaded.check_text:
            yield from loaded.check_text(unparsed)


def _run_on_module(module: Module, sdks: frozenset[Sdk]) -> Iterator[Finding]:
    for loaded in load_rules():
        if loaded.check and not sdks.isdisjoint(loaded.rule.sdks):
            yield from islice(loaded.check(module), MOST_FINDINGS)


def _run_on_spec(spec: Spec) -> Iterator[Finding]:
    for loaded in load_rules():
        if loaded.check_spec:
            yield from islice(loaded.check_spec(spec), MOST_FINDINGS)


def _finish(source: Source, findings: Iterable[Finding]) -> Result:
    """Leave out what comments switch off, and sort the rest."""
    suppressions = read_suppressions(source)
    found = sorted(set(findings), key=_get_order)
    kept = [finding for finding in found if not suppressions.includes(finding)]
    ids = [rule.id for rule in list_rules()]
    unknown = suppressions.list_unknown(ids)
    notes = [f"{source.path}:{line}: there is no rule {id} to ignore" for line, id in unknown]
    return Result(tuple(kept), len(found) - len(kept), "", tuple(notes), source=source)


def _get_order(finding: Finding) -> tuple[int, int, int, str]:
    place = finding.place
    return place.line, place.cell_line or 0, place.column, finding.rule
