"""Install mlpo and its locked development tools into .venv: `make setup`.

Needs nothing but Python and pip, which may be configured for any mirror.
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
GIB_NEEDED = 4  # with the environment of one generated project, as `make demo` makes it


def main() -> None:
    """Make the environment, or bring it up to date."""
    if sys.version_info < (3, 10):  # noqa: UP036 (the reader's Python may be older)
        stop(
            "mlpo needs Python 3.10 or newer, and {} is {}.{}. Name another one: "
            "make PYTHON=python3.11 ...".format(sys.executable, *sys.version_info[:2])
        )
    if not PYTHON.exists():
        free = shutil.disk_usage(str(ROOT)).free / 2**30
        if free < GIB_NEEDED:
            stop(f"{free:.1f} GiB are free at {ROOT}; mlpo and its demo need {GIB_NEEDED} GiB")
        say(f"making .venv with Python {platform.python_version()}")
        run(
            [sys.executable, "-m", "venv", str(VENV)],
            "On Debian and Ubuntu, `apt install python3-venv` brings what is missing.",
        )
    say("installing the locked packages")
    # Not quiet: shown on failure only, and the reason is in what a quiet pip leaves out.
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    # --no-deps: the lock names everything. Left to look, pip takes `coverage[toml]`, which a locked
    # package asks for, from the newest release, and then refuses it for having no hash.
    lock = ["--no-deps", "--require-hashes", "-r", str(ROOT / "requirements-dev.lock")]
    run([*pip, *lock])
    run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    (VENV / "ready").touch()


def run(command: "list[str]", hint: str = "") -> None:
    """Run a command; stop with what it said and a hint when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        stop(f"`{' '.join(command[:5])} ...` failed:\n{said}\n{hint}".strip())


def say(text: str) -> None:
    """One line of progress."""
    print(f"setup: {text}", flush=True)


def stop(text: str) -> "NoReturn":
    """Say what is wrong and end."""
    sys.exit(f"setup: error: {text}")


if __name__ == "__main__":
    main()
