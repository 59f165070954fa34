"""Install mlpo and its locked development tools into .venv: `make setup`.

Needs only Python and pip. pip may be configured for any mirror.
"""

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
GIB_NEEDED = 4  # includes the environment of one generated project, for `make demo`


def main() -> None:
    """Create .venv, or bring it up to date."""
    if sys.version_info < (3, 10):  # noqa: UP036 (the reader's Python may be older)
        stop(
            "mlpo needs Python 3.10 or newer, and {} is {}.{}. Name another one: "
            "make PYTHON=python3.11 ...".format(sys.executable, *sys.version_info[:2])
        )
    if not PYTHON.exists():
        free = shutil.disk_usage(str(ROOT)).free / 2**30
        if free < GIB_NEEDED:
            stop(f"{free:.1f} GiB are free at {ROOT}; mlpo and its demo need {GIB_NEEDED} GiB")
        print_progress(f"making .venv with Python {platform.python_version()}")
        run(
            [sys.executable, "-m", "venv", str(VENV)],
            "On Debian and Ubuntu, `apt install python3-venv` installs what is missing.",
        )
    print_progress("installing the locked packages")
    # Not quiet: the output is shown only on failure, and a quiet pip omits the reason.
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    # --no-deps: the lock has all packages. Otherwise pip would choose the newest release for
    # `coverage[toml]`, which a locked package requires, and then refuse it because it has no hash.
    lock = ["--no-deps", "--require-hashes", "-r", str(ROOT / "requirements-dev.lock")]
    run([*pip, *lock])
    run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    (VENV / "ready").touch()


def run(command: "list[str]", hint: str = "") -> None:
    """Run a command. If it fails, exit with its output and the hint."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        output = (result.stdout + result.stderr).strip()
        stop(f"`{' '.join(command[:5])} ...` failed:\n{output}\n{hint}".strip())


def print_progress(text: str) -> None:
    """Print one line of progress."""
    print(f"setup: {text}", flush=True)


def stop(text: str) -> "NoReturn":
    """Exit with an error message."""
    sys.exit(f"setup: error: {text}")


if __name__ == "__main__":
    main()
