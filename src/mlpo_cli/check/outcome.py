"""What of all results is reported: by the configuration of each file, and by the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mlpo_cli.check.baseline import Key, leave_out_known
from mlpo_cli.check.config import Config
from mlpo_cli.check.engine import Result
from mlpo_cli.check.model import Finding, Severity


@dataclass
class Outcome:
    """The findings to report, and what else there is to say.

    `seen` counts all files, `checked` those that use an SDK or are compiled pipelines. `hidden`
    counts findings below the lowest severity, `suppressed` those that a comment switches off,
    `known` those of the baseline, `fixed` what was fixed. `skipped` has each file that was not
    checked, with the reason; `notes` remarks about files.
    """

    findings: list[Finding] = field(default_factory=list)
    seen: int = 0
    checked: int = 0
    hidden: int = 0
    suppressed: int = 0
    known: int = 0
    fixed: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def count_fixable(self, is_safe: bool) -> int:
        """Return the number of findings with a fix that is safe, or with one that is not."""
        return sum(f.fix is not None and f.fix.is_safe is is_safe for f in self.findings)


@dataclass(frozen=True)
class Choice:
    """Which findings of a file are reported, and how many are not for which reason."""

    findings: list[Finding]
    hidden: int
    known: int


def choose(
    findings: Iterable[Finding], file: Path, config: Config, known: Counter[Key], folder: Path
) -> Choice:
    """Choose what is reported of a file. `known` are the findings of the baseline in `folder`."""
    selected = [finding for finding in findings if config.selects(finding, file)]
    wanted = [finding for finding in selected if finding.severity >= config.severity]
    new = leave_out_known(wanted, known, folder)
    return Choice(new, len(selected) - len(wanted), len(wanted) - len(new))


def add_result(outcome: Outcome, name: str, result: Result, choice: Choice) -> None:
    """Add the result for a file to an outcome."""
    outcome.seen += 1
    outcome.checked += result.is_relevant and not result.skipped
    outcome.suppressed += result.suppressed
    outcome.hidden += choice.hidden
    outcome.known += choice.known
    outcome.findings += choice.findings
    outcome.notes += result.notes
    if result.skipped:
        outcome.skipped.append((name, result.skipped))


def list_chosen(
    findings: Iterable[Finding], file: Path, config: Config, known: Counter[Key], folder: Path
) -> list[Finding]:
    """Return what is reported of a file."""
    return choose(findings, file, config, known, folder).findings
