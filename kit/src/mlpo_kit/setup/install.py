"""Install what the locks name into .venv: `make setup`.

Needs nothing but Python and pip. Every package is pinned and checked against its hash in the
lock files. PyTorch is the exception on a machine without an NVIDIA GPU: its CPU build is pinned
but not hashed, because each index builds its own. To choose the place or the kind:

    make setup TORCH_INDEX=https://...   an index that has PyTorch
    make setup DEVICE=cuda               the CUDA build (cpu | cuda; else what the machine has)

Configured find-links and indexes of pip and uv are used as they are.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import vendored
from .environment import (
    SetupError,
    create_environment,
    python_of,
    run,
    say,
    uv_environment,
    uv_install,
)

# Measured for the CPU; the CUDA libraries unpack to several times that.
GIB_NEEDED = {"cpu": 3, "cuda": 12}
# As the wheel was: uv would compile everything else that is installed along with it.
COMPILE_KIT = (
    "import compileall, sysconfig;"
    "compileall.compile_dir(sysconfig.get_path('purelib') + '/mlpo_kit', quiet=2)"
)


def everything() -> None:
    """Make the environment, or bring it up to date: packages, tools, the kit, the project."""
    project = Path.cwd()
    check_project(project)
    if vendored.find_sources(project) is None:
        vendored.find_checked_wheel(project)  # before minutes are spent
    environment = install_packages(project, "-r", "requirements-dev.lock")
    install_kit(project)
    run(
        [*uv_install(project), "--no-deps", "--no-build-isolation", "-e", "."], project, environment
    )
    (project / ".venv" / "ready").touch()
    say("ready: try `make run`")


def packages_only() -> None:
    """Make .venv with nothing but the packages that a stage needs: for a container."""
    install_packages(Path.cwd())


def kit_only() -> None:
    """Install the kit into the .venv that is there: for a container."""
    install_kit(Path.cwd())


def check_project(project: Path) -> None:
    """Raise SetupError unless this is the folder of a project."""
    if not (project / "pyproject.toml").is_file():
        raise SetupError(f"{project} has no pyproject.toml: run this in the project's folder")


def install_packages(project: Path, *more: str) -> dict[str, str]:
    """The lock's packages and torch, and `more` in the same go; returns uv's environment.

    Raises SetupError when the device is unknown, the disk is full, or something can't be had.
    """
    device = os.environ.get("DEVICE") or ("cuda" if has_nvidia() else "cpu")
    if device not in GIB_NEEDED:
        raise SetupError(f"DEVICE={device} is not known: it is cpu or cuda")
    if not python_of(project).exists():
        check_space(project, device)
    create_environment(project)
    environment = uv_environment(python_of(project))
    say(f"installing the locked packages ({device})")
    full, small = project / "requirements-cuda.lock", project / "requirements.lock"
    pin = re.search(r"^torch==(\S+)", full.read_text(encoding="utf-8"), re.MULTILINE)
    if pin is None:
        raise SetupError(f"{full.name} does not name torch: `make lock` writes it anew")
    on_mac = platform.system() == "Darwin"  # PyPI's build for it has no CUDA parts
    lock = full if device == "cuda" or on_mac else small
    install = [*uv_install(project), "--compile-bytecode"]  # for a quick start
    run([*install, "--require-hashes", "-r", str(lock), *more], project, environment)
    if lock is small:
        install_cpu_torch([*install, "--no-deps"], pin.group(1), project, environment)
    return environment


def install_cpu_torch(
    install: Sequence[str], version: str, project: Path, environment: Mapping[str, str]
) -> None:
    """PyTorch's CPU build, from the first place that has it."""
    index = os.environ.get("TORCH_INDEX")
    if index:
        run([*install, "--default-index", index, f"torch=={version}"], project, environment)
        return
    configured = [*install, f"torch=={version}+cpu"]
    if subprocess.run(configured, env=environment, capture_output=True, check=False).returncode:
        run(
            [*install, "--torch-backend", "cpu", f"torch=={version}"],
            project,
            environment,
            "PyTorch's CPU build could not be had. Behind a mirror, name an index that has it: "
            "make setup TORCH_INDEX=https://...",
        )


def install_kit(project: Path) -> None:
    """The kit: its wheel, checked against its lock, or its sources where they were ejected.

    No index is asked. It is always put in place again: ejected, it may have the wheel's version.
    """
    install = [*uv_install(project), "--no-index", "--no-deps", "--no-cache"]
    install += ["--reinstall-package", "mlpo-kit"]
    if vendored.find_sources(project) is not None:
        say(f"installing the kit from its sources, {vendored.SOURCES}")
        run([*install, "--no-build-isolation", "-e", vendored.SOURCES], project)
        return
    wheel = vendored.find_checked_wheel(project)
    say(f"installing mlpo-kit {vendored.version_of(wheel)}")
    lock = ["--find-links", vendored.VENDOR, "--require-hashes", "-r", vendored.LOCK]
    run([*install, *lock], project)
    run([str(python_of(project)), "-c", COMPILE_KIT], project)


def has_nvidia() -> bool:
    """Whether an NVIDIA driver answers."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    return subprocess.run([tool, "-L"], capture_output=True, check=False).returncode == 0


def check_space(project: Path, device: str) -> None:
    """Stop before the disk is full, not after."""
    free = shutil.disk_usage(project).free / 2**30
    if free < GIB_NEEDED[device]:
        needed = GIB_NEEDED[device]
        raise SetupError(
            f"{free:.1f} GiB are free at {project}; the environment needs {needed} GiB"
        )
