"""Run torchrun, and write to the store if one of its processes was killed.

    python -m mlpo_kit.training.torchrun --nproc-per-node 8 -m mlpo_kit.training.worker JOB

A process that is killed can't write its error itself, and torchrun only prints it.
"""

from __future__ import annotations

import signal
import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main as run

from mlpo_kit.execution.parents import follow_parents
from mlpo_kit.runs.deaths import describe_signal
from mlpo_kit.training.processes import locate
from mlpo_kit.training.worker import open_job

# They are never a consequence of another process's error, as an abort may be.
CAUSES = (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS)


def main() -> int:
    """Run torchrun with this process's arguments; returns its exit code."""
    follow_parents()
    try:
        run()
    except SignalException:  # torchrun has ended its processes
        return 1
    except ChildFailedError as error:
        codes = sorted((rank, failure.exitcode) for rank, failure in error.failures.items())
        killed = [(rank, -code) for rank, code in codes if -code in CAUSES]
        for rank, number in killed[:1]:
            work, _ = open_job(sys.argv[-1])
            reason = f"process {rank} was {describe_signal(number)}"
            work.store.write(locate(work, "error.txt"), reason.encode())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
