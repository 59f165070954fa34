"""What the stages say, out of all that KFP prints when it runs them on this machine."""

from __future__ import annotations

import io
import re
import threading
from typing import TextIO

# A stage's end is in its record, and so in the table that follows the run.
KFP_LINE = re.compile(
    r" *\[KFP Executor |-+$|.* Wrote executor output file to "
    r"|.* ERROR - Task .* finished with status"
)
# Of the document that KFP shows before each task. Tasks at the same time mix their lines.
JSON_LINE = re.compile(r' *(".*"(: .*)?|[{}\[\]]+|[\d.]+),?$')
STAGE = re.compile(r" +(?=[a-z][a-z0-9_]*(-\d+)? {2})")  # KFP's indentation before a stage's line
COLOUR = re.compile(r"\x1b\[\d+m")


class Progress(io.TextIOBase):
    """A stream for KFP to print on, that passes on the lines of the stages."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lines: dict[int, str] = {}  # begun by each thread: trials run at the same time

    def write(self, text: str) -> int:
        """Take a piece of text; whole lines are shown or dropped."""
        thread = threading.get_ident()
        *lines, self._lines[thread] = (self._lines.get(thread, "") + text).split("\n")
        for line in lines:
            self._show(STAGE.sub("", line, 1) if STAGE.match(line) else line.removeprefix("    "))
        return len(text)

    def _show(self, line: str) -> None:
        if line.strip() and not KFP_LINE.match(line) and not JSON_LINE.match(line):
            # Not `print`: KFP has put its own in the place of that, and it ends up here.
            self._out.write(line + "\n")
            self._out.flush()


def find_failed_task(message: str) -> str:
    """Find which task stopped the pipeline, out of what KFP raises; the rest was on the screen."""
    plain = COLOUR.sub("", message)
    task = re.search(r"Inner task failed: '([^']+)'", plain)
    return f"the task {task[1]} failed; its words are above" if task else plain
