"""Resolve the locks of mlpo and of its scaffolds: `make locks`. Needs the network.

    python scripts/locks.py [ORCHESTRATOR ...]           only those of the named scaffolds
    python scripts/locks.py --check [ORCHESTRATOR ...]   write nothing; fail if a lock is stale

For each scaffold a project is generated and resolved by the kit in its vendor/, under the
constraints that all scaffolds share; so what `make lock` does for users is what made ours. Pins
stay where they still fit: a lock is stale when its inputs have changed so that they don't.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlpo_cli.answers.project import DEFAULTS, ProjectSettings
from mlpo_cli.resources import scaffolds_dir
from mlpo_cli.scaffold import Provenance, available, generate

ROOT = Path(__file__).resolve().parent.parent
KIT = ROOT / "kit"
LOCKS = ("requirements.lock", "requirements-cuda.lock", "requirements-dev.lock")


def main(*arguments: str) -> None:
    """Write the locks anew, or check them. Exits with 1 when one is stale or does not resolve."""
    orchestrators = [word for word in arguments if word != "--check"]
    if unknown := sorted(set(orchestrators) - set(available())):
        sys.exit(f"locks: error: no scaffold for {', '.join(unknown)}: {', '.join(available())}")
    stale = 0
    for lock, text in resolved(orchestrators):
        name = lock.relative_to(ROOT)
        if "--check" not in arguments:
            lock.write_text(text, encoding="utf-8")
        elif changes := difference(lock.read_text(encoding="utf-8"), text):
            stale += 1
            print(f"{name} is stale; `make locks` would change:", *changes, sep="\n  ")
        else:
            print(f"{name} is what its inputs resolve to")
    sys.exit(bool(stale))


def resolved(orchestrators: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Each lock and what it should be: mlpo's own, the uv of the projects, then the scaffolds'."""
    scaffolds = scaffolds_dir()
    if not orchestrators:
        dev = ("pyproject.toml", "--group", "pyproject.toml:dev")
        yield compiled(ROOT / "requirements-dev.lock", *dev)
        yield compiled(KIT / "src" / "mlpo_kit" / "setup" / "uv.lock", str(KIT / "uv.in"))
    environment = {**os.environ, "UV_CONSTRAINT": str(scaffolds / "constraints.txt")}
    for orchestrator in orchestrators or available():
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "locked"
            settings = ProjectSettings("locked", "locked", orchestrator, **DEFAULTS)
            generate(settings, project, "", Provenance("", "", {}, {}))
            (wheel,) = (project / "vendor").glob("*.whl")
            run([sys.executable, str(wheel / "mlpo_kit" / "setup"), "lock"], project, environment)
            for name in LOCKS:
                text = (project / name).read_text(encoding="utf-8")
                yield scaffolds / orchestrator / name, text


def compiled(lock: Path, *sources: str) -> tuple[Path, str]:
    """The lock, and one universal, hashed resolution of its sources that names no host."""
    flags = "--universal --python-version 3.10 --generate-hashes --no-annotate --no-header -q"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / lock.name
        if lock.exists():
            shutil.copyfile(lock, output)  # for its pins
        command = [sys.executable, "-m", "uv", "pip", "compile", *flags.split(), *sources]
        run([*command, "-o", str(output)], ROOT, dict(os.environ))
        return lock, output.read_text(encoding="utf-8")


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a resolution; exit with what it said when there is none."""
    done = subprocess.run(command, cwd=folder, env=environment, check=False)
    if done.returncode:
        sys.exit("locks: error: this no longer resolves; all locks but those named are as before")


def difference(old: str, new: str) -> list[str]:
    """The pins, with their markers, that only one of two locks has. Hashes are not compared.

    An index may have fewer files of a release than another, so hashes differ between mirrors.
    """
    before, after = (set(re.findall(r"^([^\s#].*?) \\$", text, re.M)) for text in (old, new))
    gone, come = ([f"- {pin}" for pin in before - after], [f"+ {pin}" for pin in after - before])
    return sorted(gone + come, key=lambda line: line[2:])


if __name__ == "__main__":
    main(*sys.argv[1:])
