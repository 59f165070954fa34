"""Install MLflow's UI into an environment of its own, `.venv-ui/` in the project.

The project's packages include mlflow-skinny, which has no UI. The full package has the same version
and takes 0.6 GB, so it is only installed when somebody wants to see the UI.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from filelock import FileLock

from mlpo_kit.errors import PipelineError
from mlpo_kit.setup.environment import make_uv_environment

FOLDER = ".venv-ui"  # holds one environment, named after the lock and the Python version
LOCK = Path(__file__).with_name("requirements-ui.lock")
GIB_NEEDED = 1
_MLFLOW = re.compile(r"^mlflow==(\S+)", re.MULTILINE)


def find_ui(root: Path) -> Path | None:
    """Find the Python that has MLflow's UI; None if it must be installed first.

    Raises PipelineError if the UI in the lock can't read what the project's MLflow writes.
    """
    if _find_version("mlflow") is not None:  # the project's own packages include the full one
        return Path(sys.executable)
    _check_version()
    environment = _locate(root)
    python = environment / "bin" / "python"
    return python if (environment / "ready").is_file() and python.exists() else None


def install_ui(root: Path) -> Path:
    """Install the locked packages into `.venv-ui/` of the project; returns the Python there.

    Uses the package indexes that are configured for pip and uv, and verifies every hash. Nothing is
    left behind if it fails. Raises PipelineError if it does.
    """
    environment, folder = _locate(root), root / FOLDER
    folder.mkdir(exist_ok=True)
    python = environment / "bin" / "python"
    with FileLock(folder / ".lock"):
        if (ready := find_ui(root)) is not None:  # another process has installed it
            return ready
        for older in folder.glob("[!.]*"):  # of another lock, or not completed
            shutil.rmtree(older)
        _check_space(folder)
        try:
            _run_uv(folder, "venv", "--python", sys.executable, str(environment))
            install = ("pip", "install", "--python", str(python), "--require-hashes")
            _run_uv(folder, *install, "-r", str(LOCK))
        except BaseException:
            shutil.rmtree(environment, ignore_errors=True)
            raise
        (environment / "ready").touch()
    return python


def _locate(root: Path) -> Path:
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    python = "".join(platform.python_version_tuple()[:2])
    return root / FOLDER / f"py{python}-{digest[:12]}"


def _check_version() -> None:
    """Raise PipelineError unless the UI has the version of the project's MLflow.

    Each version has its own database schema, and must not change that of another one.
    """
    pin = _MLFLOW.search(LOCK.read_text(encoding="utf-8"))
    locked, used = pin.group(1) if pin else None, _find_version("mlflow-skinny")
    if locked != used:
        raise PipelineError(
            f"the UI that comes with mlpo-kit is that of MLflow {locked}, but the project has "
            f"mlflow-skinny {used}, which writes another database: add mlflow=={used} to the "
            "group dev in pyproject.toml, then run `make lock`"
        )


def _find_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free / 2**30
    if free < GIB_NEEDED:
        raise PipelineError(
            f"only {free:.1f} GiB are free at {folder}, and MLflow's UI needs {GIB_NEEDED} GiB"
        )


def _run_uv(folder: Path, *arguments: str) -> None:
    """Run uv, as `make setup` does; raises PipelineError with the reason if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", "-q", *arguments],
        cwd=folder,
        env=make_uv_environment(sys.executable),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PipelineError(
            f"MLflow's UI could not be installed: {_find_reason(done.stderr.splitlines())}. The "
            "first `make ui` downloads it from the package index that pip or uv is configured for; "
            "later ones work offline"
        )


def _find_reason(lines: Sequence[str]) -> str:
    """Find the first line of an error message and the last cause it gives."""
    words = [re.sub(r"^\W+", "", line).strip() for line in lines]  # without frames and bullets
    words = [line for line in words if line]
    first = next(iter(words), "uv failed").removeprefix("error: ")
    causes = [line.removeprefix("Caused by: ") for line in words if line.startswith("Caused by: ")]
    return ": ".join([first, *causes[-1:]]).rstrip(".")
