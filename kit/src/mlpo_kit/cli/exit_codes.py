"""The exit codes of the command line. Scripts may rely on them."""

from __future__ import annotations

DONE = 0  # also a run whose candidate was refused
FAILED = 1  # for a reason that the user can fix
USAGE = 2
DEFECT = 3  # an error in mlpo-kit itself
PREEMPTED = 75  # the same command resumes the run
INTERRUPTED = 130

ALL = (DONE, FAILED, USAGE, DEFECT, PREEMPTED, INTERRUPTED)
