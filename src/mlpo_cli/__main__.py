"""The entry point of `mlpo` and `python -m mlpo_cli`."""

import signal
import sys
from types import FrameType

from mlpo_cli.errors import run_guarded


def main() -> int:
    """Run the command line and return its exit code."""
    from mlpo_cli.cli import app

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # nohup makes a process ignore SIGHUP; leave that as it is.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)
    return run_guarded(lambda: app(prog_name="mlpo", standalone_mode=False), sys.argv[1:])


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal that ends the process as Ctrl-C does, so that files are cleaned up."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
