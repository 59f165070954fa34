"""What a rule is, what it reports, and how a finding is fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Protocol


class Severity(IntEnum):
    """How bad a finding is. `ERROR` is only for what verifiably breaks."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The word for options, reports and pages."""
        return self.name.lower()


SEVERITIES = {severity.label: severity for severity in Severity}


class Sdk(Enum):
    """An orchestrator's SDK. `KFP` is that of Kubeflow where the generation cannot be told."""

    METAFLOW = "Metaflow"
    KFP = "KFP"
    KFP_V1 = "KFP v1"
    KFP_V2 = "KFP v2"
    ZENML = "ZenML"


ANY_KFP = (Sdk.KFP, Sdk.KFP_V1, Sdk.KFP_V2)
EVERY_SDK = tuple(Sdk)


@dataclass(frozen=True)
class Edit:
    """Replace the characters from `start` to before `end` of the text that was checked."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Fix:
    """Edits that belong together. Those of a fix that is not safe can change what a run does."""

    edits: tuple[Edit, ...]
    is_safe: bool


@dataclass(frozen=True)
class Place:
    """A range in a file: lines and columns from 1, in characters; the end is excluded.

    In a notebook `cell` is the number of the code's cell among all cells, `cell_line` the line in
    it, and `line` the line of the .ipynb file.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None = None
    cell_line: int | None = None


@dataclass(frozen=True)
class Finding:
    """One defect. `code` is the line of the file that it begins in, without margin."""

    file: str
    place: Place
    rule: str
    severity: Severity
    message: str
    why: str
    advice: str
    code: str
    fix: Fix | None = None

    @property
    def where(self) -> str:
        """`file:line:column`, and in a notebook `file:cell N:line:column`."""
        place = self.place
        if place.cell is None:
            return f"{self.file}:{place.line}:{place.column}"
        return f"{self.file}:cell {place.cell}:{place.cell_line}:{place.column}"


class Checked(Protocol):
    """What a rule reads: a module of Python code or a compiled specification."""

    @property
    def path(self) -> str:
        """The file as it is shown."""

    def span(self, node: Any) -> tuple[int, int]:
        """Return where a node starts and ends in the text."""

    def locate(self, start: int, end: int) -> tuple[Place, str]:
        """Return the place of a part of the text, and the line that it begins in."""


@dataclass(frozen=True)
class Example:
    """A defect and how it should be. With `is_fixed`, the fix of `bad` gives exactly `good`."""

    bad: str
    good: str
    file: str = "pipeline.py"
    is_fixed: bool = False


@dataclass(frozen=True)
class Rule:
    """What a rule is about, in the order of its page.

    `title` names the defect in a few words. `what` says what is reported and what is not, `why`
    what happens at run time (one or two sentences; reports show it), `advice` what to do instead.
    `sources` name where that can be read, with the version. `fix` is empty where nothing is fixed,
    else it says what the fix does and why it is safe or not.
    """

    id: str
    title: str
    severity: Severity
    sdks: tuple[Sdk, ...]
    what: str
    why: str
    sources: tuple[str, ...]
    examples: tuple[Example, ...]
    advice: str
    fix: str = ""

    def report(
        self,
        checked: Checked,
        node: Any,
        message: str,
        *,
        advice: str = "",
        edits: Sequence[Edit] = (),
        is_safe: bool = False,
    ) -> Finding:
        """Make a finding of this rule.

        `node` is a node of the syntax tree or of a specification, or a pair of offsets in the text.
        `message` says in one sentence what is wrong there.
        """
        start, end = node if isinstance(node, tuple) else checked.span(node)
        place, code = checked.locate(start, end)
        fix = Fix(tuple(edits), is_safe) if edits else None
        return Finding(
            checked.path,
            place,
            self.id,
            self.severity,
            message,
            " ".join(self.why.split()),
            " ".join((advice or self.advice).split()),
            code,
            fix,
        )
