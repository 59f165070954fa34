"""How long `mlpo check` takes on 1,000 files, against `ruff check` and `python -m compileall`.

    python benchmarks/check.py [ROUNDS]

The files are those of the packages that `make environments` installs: metaflow, kfp and zenml,
whose own code imports them and is therefore checked by every rule. The commands take turns, each as
a whole process; cold is without a cache, warm with that of the run before. Prints the medians, and
their ratios cold and warm.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from projects import print_load, print_ratio, print_times

ROOT = Path(__file__).parents[1]
PACKAGES = {"metaflow": "metaflow", "kubeflow": "kfp", "zenml": "zenml"}
FILES = 1_000


def main(rounds: int = 5) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        tree, cache = Path(name) / "tree", Path(name) / "cache"
        lines = copy_files(tree)
        print(f"{FILES:,} files, {lines:,} lines")
        ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--isolated"]
        commands = {
            "mlpo check, cold": [sys.executable, "-m", "mlpo_cli", "check", "--json", "."],
            "mlpo check, warm": [sys.executable, "-m", "mlpo_cli", "check", "--json", "."],
            "ruff check, cold": [*ruff, "--no-cache", "."],
            "ruff check, warm": [*ruff, "--cache-dir", str(cache / "ruff"), "."],
            "compileall": [sys.executable, "-m", "compileall", "-f", "-q", "."],
        }
        subprocess.run(commands["ruff check, warm"], cwd=tree, check=False, capture_output=True)
        taken: dict[str, list[float]] = {command: [] for command in commands}
        for _ in range(rounds):
            shutil.rmtree(cache / "mlpo", ignore_errors=True)
            for what, command in commands.items():
                taken[what].append(time_command(command, tree, cache))
        for what, values in taken.items():
            print_times(what, values)
        for state in ("cold", "warm"):
            for other in (f"ruff check, {state}", "compileall"):
                ours = f"mlpo check, {state}"
                print_ratio(f"{state} / {other}", taken[ours], taken[other])
        print_load()


def copy_files(folder: Path) -> int:
    """Copy the files, by package; return the number of their lines."""
    lines = 0
    found = (
        (path, Path(package, *path.relative_to(installed).parts))
        for orchestrator, package in PACKAGES.items()
        for installed in (ROOT / ".envs" / orchestrator / ".venv" / "lib").glob(
            f"python*/site-packages/{package}"
        )
        for path in sorted(installed.rglob("*.py"))
    )
    copied = list(islice(found, FILES))
    if len(copied) < FILES:
        sys.exit(f"only {len(copied)} files: run `make environments` first")
    for path, name in copied:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        (folder / name).write_bytes(content)
        lines += content.count(b"\n")
    return lines


def time_command(command: list[str], folder: Path, cache: Path) -> float:
    """Wall seconds of a command in a folder; 0 and 1 are its successful exit codes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CACHE_HOME": str(cache)}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr.decode()}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
