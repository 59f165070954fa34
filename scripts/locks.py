"""Resolve the locks of mlpo and of its scaffolds: `make locks`. Needs the network.

    python scripts/locks.py [ORCHESTRATOR ...]           only those of the named scaffolds
    python scripts/locks.py --check [ORCHESTRATOR ...]   write nothing; fail if a lock is stale

For each scaffold a project is generated, and its locks are resolved by the library in its vendor/,
under the constraints that all scaffolds share: as `make lock` does it for users. A pin is kept
where it still fits, so a lock is stale when its inputs have changed so that a pin does not.

Then the environments of the tests are set up from the locks, and what can be imported in them is
listed: see importable.py.
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

import importable
from test_environments import prepare_environment

from mlpo_cli.answers.project import ProjectSettings
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
    finish = report_difference if "--check" in arguments else write
    stale = [finish(path, text) for path, text in resolve_locks(orchestrators)]
    # Only now: the environments are set up from the locks as they are in the scaffolds.
    stale += [finish(path, text) for path, text in list_importable(orchestrators)]
    sys.exit(any(stale))


def write(path: Path, text: str) -> bool:
    """Write a file anew; it is not stale then."""
    path.write_text(text, encoding="utf-8")
    return False


def report_difference(path: Path, text: str) -> bool:
    """Print how a file differs from what it should be. Returns whether it does."""
    name = path.relative_to(ROOT)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    compare = difference if path.suffix == ".lock" else difference_of_lines
    if changes := compare(old, text):
        print(f"{name} is stale; `make locks` would change:", *changes, sep="\n  ")
        return True
    print(f"{name} is what its inputs resolve to")
    return False


def list_importable(orchestrators: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield each scaffold's list of what can be imported, and what it should be."""
    for orchestrator in orchestrators or available():
        scaffold = scaffolds_dir() / orchestrator
        environment = prepare_environment(orchestrator)
        yield scaffold / importable.FILE, importable.render_list(environment, scaffold)


def resolve_locks(orchestrators: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield each lock and what it should be: mlpo's, that of the projects' uv, the scaffolds'."""
    scaffolds = scaffolds_dir()
    if not orchestrators:
        dev = ("pyproject.toml", "--group", "pyproject.toml:dev")
        yield compile_lock(ROOT / "requirements-dev.lock", *dev)
        yield compile_lock(KIT / "src" / "mlpo_kit" / "setup" / "uv.lock", str(KIT / "uv.in"))
    environment = {**os.environ, "UV_CONSTRAINT": str(scaffolds / "constraints.txt")}
    for orchestrator in orchestrators or available():
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "locked"
            settings = ProjectSettings("locked", "locked", orchestrator)
            generate(settings, project, "", Provenance("", "", {}, {}))
            (wheel,) = (project / "vendor").glob("*.whl")
            run([sys.executable, str(wheel / "mlpo_kit" / "setup"), "lock"], project, environment)
            for name in LOCKS:
                text = (project / name).read_text(encoding="utf-8")
                yield scaffolds / orchestrator / name, text


def compile_lock(lock: Path, *sources: str) -> tuple[Path, str]:
    """Return the lock, and the resolution of its sources for all systems: hashed, without hosts."""
    flags = "--universal --python-version 3.10 --generate-hashes --no-annotate --no-header -q"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / lock.name
        if lock.exists():
            shutil.copyfile(lock, output)  # for its pins
        command = [sys.executable, "-m", "uv", "pip", "compile", *flags.split(), *sources]
        run([*command, "-o", str(output)], ROOT, dict(os.environ))
        return lock, output.read_text(encoding="utf-8")


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a resolution; exit if there is none. What is wrong is printed by the command itself."""
    done = subprocess.run(command, cwd=folder, env=environment, check=False)
    if done.returncode:
        sys.exit("locks: error: this no longer resolves; all locks but those named are as before")


def difference(old: str, new: str) -> list[str]:
    """Return the pins, with their markers, that only one of two locks has.

    Hashes are not compared: an index may have fewer files of a release than another.
    """
    return compare_sets(*(set(re.findall(r"^([^\s#].*?) \\$", text, re.M)) for text in (old, new)))


def difference_of_lines(old: str, new: str) -> list[str]:
    """Return the lines that only one of two texts has."""
    return compare_sets(set(old.splitlines()), set(new.splitlines()))


def compare_sets(old: set[str], new: set[str]) -> list[str]:
    """Return what only one of them has, with `-` for the old and `+` for the new one, sorted."""
    removed, added = ([f"- {item}" for item in old - new], [f"+ {item}" for item in new - old])
    return sorted(removed + added, key=lambda line: line[2:])


if __name__ == "__main__":
    main(*sys.argv[1:])
