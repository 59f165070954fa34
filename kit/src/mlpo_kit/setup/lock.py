"""Resolve pyproject.toml into the lock files: `make lock`.

requirements-cuda.lock is the full resolution. requirements.lock omits torch and its CUDA packages,
for machines without an NVIDIA GPU. requirements-dev.lock has the development tools, and
requirements-kit.lock pins the wheel in vendor/. Existing pins are kept where they still fit. Needs
the network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import vendored
from .environment import SetupError, create_environment, locate_python, make_uv_environment
from .install import check_project

KIT = re.compile(r"mlpo-kit==")
CUDA_ONLY = re.compile(r"(torch|triton|nvidia-(?!ml-py)[a-z0-9-]+|cuda-[a-z0-9-]+)==")
WHOLE, SMALL, DEV = "requirements-cuda.lock", "requirements.lock", "requirements-dev.lock"


def update_locks() -> None:
    """Write all four lock files; if one fails, raises SetupError and leaves all unchanged."""
    project = Path.cwd()
    check_project(project)
    wheel = vendored.find_wheel(project)
    create_environment(project)
    python = locate_python(project)
    with tempfile.TemporaryDirectory(prefix=".locks-", dir=project) as name:
        folder = Path(name)
        for old in (WHOLE, DEV):
            if (project / old).exists():
                shutil.copyfile(project / old, folder / old)  # to keep its pins
        # The pin is exact: no index has a version with a `+`, so no other kit can be installed.
        kit = f"mlpo-kit=={vendored.read_version(wheel)}\n"
        compile_lock(python, project, folder / WHOLE, "pyproject.toml", "-", stdin=kit)
        whole = remove_packages(KIT, (folder / WHOLE).read_text(encoding="utf-8"))
        (folder / WHOLE).write_text(whole, encoding="utf-8")
        tools = ("--group", "pyproject.toml:dev", "-c", str(folder / WHOLE))
        compile_lock(python, project, folder / DEV, *tools)
        (folder / SMALL).write_text(remove_packages(CUDA_ONLY, whole), encoding="utf-8")
        (folder / vendored.LOCK).write_text(vendored.make_pin(wheel), encoding="utf-8")
        for lock in (WHOLE, SMALL, DEV, vendored.LOCK):
            os.replace(folder / lock, project / lock)


def compile_lock(python: Path, project: Path, output: Path, *sources: str, stdin: str = "") -> None:
    """Write a universal lock with hashes and without index URLs; raises SetupError."""
    flags = "--universal --python-version 3.10 --generate-hashes --no-annotate --no-header -q"
    environment = make_uv_environment(python)
    links = [vendored.VENDOR, *environment.get("UV_FIND_LINKS", "").split(",")]
    environment["UV_FIND_LINKS"] = ",".join(filter(None, links))
    command = [str(python), "-m", "uv", "pip", "compile", *flags.split(), *sources]
    done = subprocess.run(
        [*command, "-o", str(output)], cwd=project, env=environment, input=stdin, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SetupError(f"{output.name} could not be resolved; no file was changed")


def remove_packages(packages: re.Pattern[str], lock: str) -> str:
    """Return the text of a lock without the entries of some packages."""
    blocks = re.split(r"^(?=[a-zA-Z0-9])", lock, flags=re.MULTILINE)
    return "".join(block for block in blocks if not packages.match(block))
