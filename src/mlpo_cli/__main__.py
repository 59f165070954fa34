"""The entry point of `mlpo` and `python -m mlpo_cli`."""

import signal
import sys
from types import FrameType

from mlpo_cli.errors import run_guarded


def main() -> int:
    """Run the command line and return its exit code."""
    from mlpo_cli.cli import app

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores it, and so do we
            signal.signal(number, _interrupt)
    return run_guarded(lambda: app(prog_name="mlpo", standalone_mode=False), sys.argv[1:])


def _interrupt(number: int, frame: FrameType | None) -> None:
    """What ends mlpo ends it as Ctrl-C does, so that it clears up."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
