"""The entry point: `python3 vendor/mlpo_kit-<version>-py3-none-any.whl/mlpo_kit/setup [VERB]`.

Uses no syntax newer than Python 3.6, so that an older Python still prints the error below.
"""

import os
import sys


def main() -> None:
    """Run the verb from the command line, and exit with its exit code."""
    if sys.version_info < (3, 10):
        sys.exit(
            "setup: error: this project needs Python 3.10 or newer, and {} is {}.{}. Name another "
            "one: make setup PYTHON=python3.11".format(sys.executable, *sys.version_info[:2])
        )
    if not __package__:  # started by its path: import the kit from where this file is
        folder = os.path.dirname(os.path.abspath(__file__))
        sys.path[0] = os.path.dirname(os.path.dirname(folder))
    from mlpo_kit.setup import verbs

    sys.exit(verbs.main(sys.argv[1:]))


if __name__ == "__main__":
    main()
