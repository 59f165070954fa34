"""Install the locked packages into .venv: `make setup`. Managed by mlpo.

Needs nothing but Python and pip. Every package is pinned and checked against its hash in the
lock files. PyTorch is the exception on a machine without an NVIDIA GPU: its CPU build is pinned
but not hashed, because each index builds its own. To choose the place or the kind:

    make setup TORCH_INDEX=https://...   an index that has PyTorch
    make setup DEVICE=cuda               the CUDA build (cpu | cuda; else what the machine has)

Configured find-links and indexes of pip and uv are used as they are.
"""

import ast
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# Measured for the CPU; the CUDA libraries unpack to several times that.
GIB_NEEDED = {"cpu": 3, "cuda": 12}


def main() -> None:
    """Make the environment, or bring it up to date."""
    if sys.version_info < (3, 10):  # noqa: UP036 (the reader's Python may be older)
        stop(
            "this project needs Python 3.10 or newer, and {} is {}.{}. Name another one: "
            "make setup PYTHON=python3.11".format(sys.executable, *sys.version_info[:2])
        )
    device = os.environ.get("DEVICE") or ("cuda" if has_nvidia() else "cpu")
    if device not in GIB_NEEDED:
        stop(f"DEVICE={device} is not known: it is cpu or cuda")
    if not PYTHON.exists():
        check_space(device)
    create_venv()
    environment = uv_environment(PYTHON)
    if "--image" in sys.argv[1:]:  # of a container: nothing but what a stage needs
        install_packages(device, environment)
        return
    install_packages(device, environment, "-r", str(ROOT / "requirements-dev.lock"))
    install = [*uv_install(), "--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    run(install, environment)
    (VENV / "ready").touch()
    say("ready: try `make run`")


def create_venv() -> None:
    """Make .venv with a pinned uv in it."""
    if not PYTHON.exists():
        say(f"making .venv with Python {platform.python_version()}")
        made = subprocess.run(
            [sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False
        )
        if made.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            stop(
                "Python could not make a virtual environment. On Debian and Ubuntu: "
                f"apt install python3-venv. It said:\n{(made.stdout + made.stderr).strip()}"
            )
    lock = str(ROOT / "scripts" / "uv.lock")
    # Not quiet: shown on failure only, and the reason is in what a quiet pip leaves out.
    run([str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-r", lock], None)


def uv_install() -> "list[str]":
    """The command that installs into .venv; all is compiled for a quick start."""
    python = str(PYTHON)
    return [python, "-m", "uv", "pip", "install", "--python", python, "-q", "--compile-bytecode"]


def install_packages(device: str, environment: "dict[str, str]", *more: str) -> None:
    """The lock's packages and torch, and `more` in the same go."""
    say(f"installing the locked packages ({device})")
    full, small = ROOT / "requirements-cuda.lock", ROOT / "requirements.lock"
    pin = re.search(r"^torch==(\S+)", full.read_text(), re.MULTILINE)
    if pin is None:
        stop(f"{full.name} does not name torch: `make lock` writes it anew")
    on_mac = platform.system() == "Darwin"  # PyPI's build for it has no CUDA parts
    lock = full if device == "cuda" or on_mac else small
    run([*uv_install(), "--require-hashes", "-r", str(lock), *more], environment)
    if lock is small:
        install_cpu_torch([*uv_install(), "--no-deps"], pin.group(1), environment)


def install_cpu_torch(install: "list[str]", version: str, environment: "dict[str, str]") -> None:
    """PyTorch's CPU build, from the first place that has it."""
    index = os.environ.get("TORCH_INDEX")
    if index:
        run([*install, "--default-index", index, f"torch=={version}"], environment)
        return
    configured = [*install, f"torch=={version}+cpu"]
    if subprocess.run(configured, env=environment, capture_output=True, check=False).returncode:
        run(
            [*install, "--torch-backend", "cpu", f"torch=={version}"],
            environment,
            "PyTorch's CPU build could not be had. Behind a mirror, name an index that has it: "
            "make setup TORCH_INDEX=https://...",
        )


def uv_environment(python: "str | Path") -> "dict[str, str]":
    """The environment for uv: what the pip of `python` is configured to use counts for uv too."""
    environment = dict(os.environ)
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    for variable, option in (
        ("UV_DEFAULT_INDEX", "index-url"),
        ("UV_INDEX", "extra-index-url"),
        ("UV_FIND_LINKS", "find-links"),
    ):
        found = re.findall(rf"^\S+\.{option}=(.+)$", listed, re.MULTILINE)
        values = [value for text in found for value in ast.literal_eval(text).split()]
        if option == "extra-index-url":  # uv stops at a folder that is not there; pip does not
            values = [value for value in values if not value.startswith("file:")]
        if values and variable not in environment:
            separator = "," if variable == "UV_FIND_LINKS" else " "
            environment[variable] = separator.join(dict.fromkeys(values))
    return environment


def has_nvidia() -> bool:
    """Whether an NVIDIA driver answers."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    return subprocess.run([tool, "-L"], capture_output=True, check=False).returncode == 0


def check_space(device: str) -> None:
    """Stop before the disk is full, not after."""
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < GIB_NEEDED[device]:
        stop(f"{free:.1f} GiB are free at {ROOT}; the environment needs {GIB_NEEDED[device]} GiB")


def run(command: "list[str]", environment: "dict[str, str] | None", hint: str = "") -> None:
    """Run a command; stop with its output and a hint when it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(command[:6])
        stop(f"`{words} ...` failed:\n{(done.stdout + done.stderr).strip()}\n{hint}".strip())


def say(text: str) -> None:
    """One line of progress."""
    print(f"setup: {text}", flush=True)


def stop(text: str) -> "NoReturn":
    """Say what is wrong and end."""
    sys.exit(f"setup: error: {text}")


if __name__ == "__main__":
    main()
