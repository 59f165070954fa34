"""The entry point of `mlpo` and `python -m mlpo_cli`."""

import sys

from mlpo_cli.errors import run_guarded


def main() -> int:
    """Run the command line and return its exit code."""
    from mlpo_cli.cli import app

    return run_guarded(lambda: app(prog_name="mlpo", standalone_mode=False), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
