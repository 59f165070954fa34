"""Resolve the locks of mlpo and of its scaffolds: `make locks`. Needs the network.

    python scripts/locks.py [ORCHESTRATOR ...]           only those of the named scaffolds
    python scripts/locks.py --check [ORCHESTRATOR ...]   write nothing; fail if a lock is stale

For each scaffold it generates a project and resolves the project's locks, as `make lock` does for
users, under the constraints that all scaffolds share. It keeps each pin that the inputs still
allow, so a lock is stale only if its inputs have changed and no longer allow one of its pins.

Then it sets up the environments of the tests from the locks, and lists the modules that can be
imported there: see importable.py.
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
from mlpo_cli.scaffold import Provenance, generate, list_scaffolds

ROOT = Path(__file__).resolve().parent.parent
KIT = ROOT / "kit"
UI_LOCK = KIT / "src" / "mlpo_kit" / "models" / "requirements-ui.lock"
MLFLOW = re.compile(r"^mlflow-skinny==(\S+)", re.MULTILINE)
LOCKS = ("requirements.lock", "requirements-cuda.lock", "requirements-dev.lock")


def main(*arguments: str) -> None:
    """Write the locks, or check them. Exits with 1 when one is stale or cannot be resolved."""
    orchestrators = [word for word in arguments if word != "--check"]
    if unknown := sorted(set(orchestrators) - set(list_scaffolds())):
        sys.exit(
            f"locks: error: no scaffold for {', '.join(unknown)}: {', '.join(list_scaffolds())}"
        )
    finish = report_difference if "--check" in arguments else write_file
    stale = [finish(path, text) for path, text in resolve_locks(orchestrators)]
    # After the locks: the environments are set up from those in the scaffolds.
    stale += [finish(path, text) for path, text in list_importable(orchestrators)]
    sys.exit(any(stale))


def write_file(path: Path, text: str) -> bool:
    """Write a file. Returns False: it is not stale."""
    path.write_text(text, encoding="utf-8")
    return False


def report_difference(path: Path, text: str) -> bool:
    """Print how a file differs from what it should be. Returns whether it differs."""
    name = path.relative_to(ROOT)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    compare = compare_pins if path.suffix == ".lock" else compare_lines
    if changes := compare(old, text):
        print(f"{name} is stale; `make locks` would change:", *changes, sep="\n  ")
        return True
    print(f"{name} is up to date")
    return False


def list_importable(orchestrators: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield the path of each scaffold's list of importable modules, and the text it should have."""
    for orchestrator in orchestrators or list_scaffolds():
        scaffold = scaffolds_dir() / orchestrator
        environment = prepare_environment(orchestrator)
        yield scaffold / importable.FILE, importable.render_list(environment, scaffold)


def resolve_locks(orchestrators: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield the path of each lock and the text it should have.

    Without orchestrators, first the lock of mlpo and that of the uv that projects use, and last
    that of MLflow's UI, which has the version of the scaffolds' MLflow.
    """
    scaffolds = scaffolds_dir()
    if not orchestrators:
        dev = ("pyproject.toml", "--group", "pyproject.toml:dev")
        yield compile_lock(ROOT / "requirements-dev.lock", *dev)
        yield compile_lock(KIT / "src" / "mlpo_kit" / "setup" / "uv.lock", str(KIT / "uv.in"))
    environment = {**os.environ, "UV_CONSTRAINT": str(scaffolds / "constraints.txt")}
    versions: set[str] = set()
    for orchestrator in orchestrators or list_scaffolds():
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "locked"
            settings = ProjectSettings("locked", "locked", orchestrator)
            generate(settings, project, "", Provenance("", "", {}, {}))
            (wheel,) = (project / "vendor").glob("*.whl")
            run([sys.executable, str(wheel / "mlpo_kit" / "setup"), "lock"], project, environment)
            for name in LOCKS:
                text = (project / name).read_text(encoding="utf-8")
                versions.update(MLFLOW.findall(text))
                yield scaffolds / orchestrator / name, text
    if not orchestrators:
        yield compile_ui_lock(versions)


def compile_ui_lock(versions: set[str]) -> tuple[Path, str]:
    """Resolve the lock of MLflow's UI. Exits if the scaffolds have several versions of MLflow."""
    if len(versions) != 1:
        sys.exit(f"locks: error: mlflow-skinny has several versions: {', '.join(sorted(versions))}")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "ui.in"
        source.write_text(f"mlflow=={min(versions)}\n", encoding="utf-8")
        return compile_lock(UI_LOCK, str(source))


def compile_lock(lock: Path, *sources: str) -> tuple[Path, str]:
    """Resolve a lock for all systems, with hashes and without hosts. Returns its path and text."""
    flags = "--universal --python-version 3.10 --generate-hashes --no-annotate --no-header -q"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / lock.name
        if lock.exists():
            shutil.copyfile(lock, output)  # uv keeps its pins
        command = [sys.executable, "-m", "uv", "pip", "compile", *flags.split(), *sources]
        run([*command, "-o", str(output)], ROOT, dict(os.environ))
        return lock, output.read_text(encoding="utf-8")


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a command that resolves a lock; exit if it fails. The command prints the reason."""
    done = subprocess.run(command, cwd=folder, env=environment, check=False)
    if done.returncode:
        sys.exit("locks: error: this cannot be resolved; locks not named above are unchanged")


def compare_pins(old: str, new: str) -> list[str]:
    """Return the pins, with their markers, that only one of two locks has.

    Hashes are not compared: a package index may have fewer files of a release than another.
    """
    return compare_sets(*(set(re.findall(r"^([^\s#].*?) \\$", text, re.M)) for text in (old, new)))


def compare_lines(old: str, new: str) -> list[str]:
    """Return the lines that only one of two texts has."""
    return compare_sets(set(old.splitlines()), set(new.splitlines()))


def compare_sets(old: set[str], new: set[str]) -> list[str]:
    """Return the items of only one set, sorted: with `-` those of the old, with `+` of the new."""
    removed, added = ([f"- {item}" for item in old - new], [f"+ {item}" for item in new - old])
    return sorted(removed + added, key=lambda line: line[2:])


if __name__ == "__main__":
    main(*sys.argv[1:])
