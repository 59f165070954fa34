"""Filter what KFP prints in a local run, so that only the messages of the stages are shown."""

from __future__ import annotations

import io
import re
import threading
from typing import TextIO

# The end of a task can be dropped: the table after the run shows it.
KFP_LINE = re.compile(
    r" *\[KFP Executor |-+$|.* Wrote executor output file to "
    r"|.* ERROR - Task .* finished with status"
)
# A line of the JSON that KFP prints before each task. Parallel tasks mix their lines.
JSON_LINE = re.compile(r' *(".*"(: .*)?|[{}\[\]]+|[\d.]+),?$')
STAGE = re.compile(r" +(?=[a-z][a-z0-9_]*(-\d+)? {2})")  # KFP's indentation before a stage's line
COLOUR = re.compile(r"\x1b\[\d+m")


class Progress(io.TextIOBase):
    """A stream for KFP to print to; it passes on only the lines of the stages."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lines: dict[int, str] = {}  # unfinished line per thread, as trials run in parallel

    def write(self, text: str) -> int:
        """Buffer text, and show or drop each whole line."""
        thread = threading.get_ident()
        *lines, self._lines[thread] = (self._lines.get(thread, "") + text).split("\n")
        for line in lines:
            self._show(STAGE.sub("", line, 1) if STAGE.match(line) else line.removeprefix("    "))
        return len(text)

    def _show(self, line: str) -> None:
        if line.strip() and not KFP_LINE.match(line) and not JSON_LINE.match(line):
            # Not `print`: KFP has replaced it by one that ends up here.
            self._out.write(line + "\n")
            self._out.flush()


def find_failed_task(message: str) -> str:
    """Find the failed task in KFP's error message; the task's own messages were shown already."""
    plain = COLOUR.sub("", message)
    task = re.search(r"Inner task failed: '([^']+)'", plain)
    return f"the task {task[1]} failed; its messages are above" if task else plain
