"""Resolve the locks of mlpo and of its scaffolds: `make locks`. Needs the network.

    python scripts/locks.py [ORCHESTRATOR ...]   only those of the named scaffolds

For each scaffold a project is generated and its own `scripts/lock.py` runs in it, under the
constraints that all scaffolds share; so what `make lock` does for users is what made ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.resources import scaffolds_dir
from mlpo_cli.scaffold import Provenance, available, generate

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-cuda.lock", "requirements-dev.lock")


def main(*orchestrators: str) -> None:
    """Lock mlpo itself, the uv of the projects, then every scaffold; or the named scaffolds."""
    scaffolds = scaffolds_dir()
    if not orchestrators:
        resolve(ROOT / "requirements-dev.lock", "pyproject.toml", "--group", "pyproject.toml:dev")
        resolve(scaffolds / "core" / "scripts" / "uv.lock", str(scaffolds / "uv.in"))
    environment = {**os.environ, "UV_CONSTRAINT": str(scaffolds / "constraints.txt")}
    for orchestrator in orchestrators or available():
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "locked"
            settings = ProjectSettings("locked", "locked", orchestrator, "digits", "none")
            generate(settings, project, "", Provenance("", "", {}, {}))
            lock = [sys.executable, "scripts/lock.py"]
            subprocess.run(lock, cwd=project, env=environment, check=True)
            for name in LOCKS:
                shutil.copyfile(project / name, scaffolds / orchestrator / name)


def resolve(output: Path, *sources: str) -> None:
    """One universal, hashed resolution that names no download host."""
    flags = "--universal --python-version 3.10 --generate-hashes --no-annotate --no-header -q"
    command = [sys.executable, "-m", "uv", "pip", "compile", *flags.split(), *sources]
    subprocess.run([*command, "-o", str(output)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
