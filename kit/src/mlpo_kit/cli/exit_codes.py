"""The exit codes of the command line, which scripts may rely on."""

from __future__ import annotations

DONE = 0  # also a run whose candidate was refused
FAILED = 1  # it could not be done, for a reason that a person can mend
USAGE = 2
DEFECT = 3  # our own error
PREEMPTED = 75  # try again: it goes on where it was
INTERRUPTED = 130

ALL = (DONE, FAILED, USAGE, DEFECT, PREEMPTED, INTERRUPTED)
