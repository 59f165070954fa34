"""Install the packages of the lock files into .venv: `make setup`.

Needs only Python and pip. Every package is pinned and verified against the hash in its lock file.
The exception is PyTorch on a machine without an NVIDIA GPU: its CPU build is pinned but not hashed,
because each index builds its own. To choose the index or the build:

    make setup TORCH_INDEX=https://...   an index that has PyTorch
    make setup DEVICE=cuda               the build, cpu or cuda (default: depends on the machine)

The indexes and find-links that are configured for pip and uv are used.
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
    locate_python,
    make_install_command,
    make_uv_environment,
    run_command,
    write_message,
)

# Measured for the CPU; the CUDA libraries need several times as much.
GIB_NEEDED = {"cpu": 3, "cuda": 12}
# Compiles only the kit; uv would compile all installed packages.
COMPILE_KIT = (
    "import compileall, sysconfig;"
    "compileall.compile_dir(sysconfig.get_path('purelib') + '/mlpo_kit', quiet=2)"
)


def install_all() -> None:
    """Create or update the environment: packages, development tools, the kit, the project."""
    project = Path.cwd()
    check_project(project)
    if vendored.find_sources(project) is None:
        vendored.find_checked_wheel(project)  # fail before the installation takes minutes
    environment = install_packages(project, "-r", "requirements-dev.lock")
    install_kit(project)
    run_command(
        [*make_install_command(project), "--no-deps", "--no-build-isolation", "-e", "."],
        project,
        environment,
    )
    (project / ".venv" / "ready").touch()
    write_message("ready: try `make run`")


def install_packages_only() -> None:
    """Create .venv with only the packages that stages need, for a container image."""
    install_packages(Path.cwd())


def install_kit_only() -> None:
    """Install the kit into an existing .venv, for a container image."""
    install_kit(Path.cwd())


def check_project(project: Path) -> None:
    """Raise SetupError if the folder is not a project."""
    if not (project / "pyproject.toml").is_file():
        raise SetupError(f"{project} has no pyproject.toml: run this in the project's folder")


def install_packages(project: Path, *extra_arguments: str) -> dict[str, str]:
    """Install the locked packages and torch; returns the environment variables for uv.

    `extra_arguments` are added to the uv command. Raises SetupError if the device is unknown, the
    disk is too full, or the installation fails.
    """
    device = os.environ.get("DEVICE") or ("cuda" if has_nvidia() else "cpu")
    if device not in GIB_NEEDED:
        raise SetupError(f"DEVICE={device} is unknown: use cpu or cuda")
    if not locate_python(project).exists():
        check_space(project, device)
    create_environment(project)
    environment = make_uv_environment(locate_python(project))
    write_message(f"installing the locked packages ({device})")
    full, small = project / "requirements-cuda.lock", project / "requirements.lock"
    pin = re.search(r"^torch==(\S+)", full.read_text(encoding="utf-8"), re.MULTILINE)
    if pin is None:
        raise SetupError(f"{full.name} does not contain torch: recreate it with `make lock`")
    on_mac = platform.system() == "Darwin"  # PyPI's build for macOS has no CUDA parts
    lock = full if device == "cuda" or on_mac else small
    install = [*make_install_command(project), "--compile-bytecode"]  # for fast imports
    run_command(
        [*install, "--require-hashes", "-r", str(lock), *extra_arguments], project, environment
    )
    if lock is small:
        install_cpu_torch([*install, "--no-deps"], pin.group(1), project, environment)
    return environment


def install_cpu_torch(
    install: Sequence[str], version: str, project: Path, environment: Mapping[str, str]
) -> None:
    """Install PyTorch's CPU build from the first index that has it."""
    index = os.environ.get("TORCH_INDEX")
    if index:
        run_command([*install, "--default-index", index, f"torch=={version}"], project, environment)
        return
    configured = [*install, f"torch=={version}+cpu"]
    if subprocess.run(configured, env=environment, capture_output=True, check=False).returncode:
        run_command(
            [*install, "--torch-backend", "cpu", f"torch=={version}"],
            project,
            environment,
            "PyTorch's CPU build could not be installed. Behind a mirror, name an index that "
            "has it: make setup TORCH_INDEX=https://...",
        )


def install_kit(project: Path) -> None:
    """Install the kit: its wheel, verified against its lock, or its sources if ejected.

    Uses no package index. Always reinstalls, because ejected sources may have the wheel's version.
    """
    install = [*make_install_command(project), "--no-index", "--no-deps", "--no-cache"]
    install += ["--reinstall-package", "mlpo-kit"]
    if vendored.find_sources(project) is not None:
        write_message(f"installing the kit from its sources, {vendored.SOURCES}")
        run_command([*install, "--no-build-isolation", "-e", vendored.SOURCES], project)
        return
    wheel = vendored.find_checked_wheel(project)
    write_message(f"installing mlpo-kit {vendored.read_version(wheel)}")
    lock = ["--find-links", vendored.VENDOR, "--require-hashes", "-r", vendored.LOCK]
    run_command([*install, *lock], project)
    run_command([str(locate_python(project)), "-c", COMPILE_KIT], project)


def has_nvidia() -> bool:
    """Whether an NVIDIA driver responds."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    return subprocess.run([tool, "-L"], capture_output=True, check=False).returncode == 0


def check_space(project: Path, device: str) -> None:
    """Raise SetupError if there is too little free disk space for the environment."""
    free = shutil.disk_usage(project).free / 2**30
    if free < GIB_NEEDED[device]:
        needed = GIB_NEEDED[device]
        raise SetupError(
            f"only {free:.1f} GiB are free at {project}; the environment needs {needed} GiB"
        )
