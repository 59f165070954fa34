"""Test the library in the environments that it runs in: `make test-kit`.

    python scripts/test_kit.py [--types] [PYTEST OPTION ...]

The core and the Metaflow adapter run in Metaflow's locked environment, the two other adapters in
theirs; the tests of setting up run with mlpo's own. With --types mypy checks the same parts, in the
same environments. The options go to pytest in each. Exits with 1 where one of them failed; all of
them run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from test_environments import prepare_environment

KIT = Path(__file__).resolve().parent.parent / "kit"
ADAPTERS = ("metaflow", "kubeflow", "zenml")
NOTHING_COLLECTED = 5  # pytest's exit code: the options left no test of this part


def main(*arguments: str) -> int:
    """Test or check each part; returns the exit code."""
    if "--types" in arguments:
        with ThreadPoolExecutor(2) as pool:  # mypy has one thread
            results = list(pool.map(check_types, ADAPTERS))
    else:
        results = [run_tests(orchestrator, arguments) for orchestrator in ADAPTERS]
    return 1 if any(results) else 0


def run_tests(orchestrator: str, options: Sequence[str]) -> int:
    """Run the tests of the parts that belong into an orchestrator's environment."""
    began = time.monotonic()
    tests = [f"tests/{orchestrator}"]
    if orchestrator == "metaflow":
        others = [*(name for name in ADAPTERS if name != orchestrator), "setup"]
        tests = ["tests", *(f"--ignore=tests/{name}" for name in others)]
    elif "not full" not in options:
        tests.append("tests/recipes")  # of what a user changes: once here, thrice in test-full
    workers = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    code = run(orchestrator, "pytest", *tests, *workers, *options)
    print(f"the kit in {orchestrator}'s environment: {time.monotonic() - began:.0f} s", flush=True)
    return 0 if code == NOTHING_COLLECTED else code


def check_types(orchestrator: str) -> int:
    """Check the types of the same parts, strictly."""
    parts = [f"src/mlpo_kit/{orchestrator}"]
    if orchestrator == "metaflow":
        folders = sorted(path for path in (KIT / "src" / "mlpo_kit").iterdir() if path.is_dir())
        names = [f"src/mlpo_kit/{folder.name}" for folder in folders if has_python(folder)]
        parts = [name for name in names if Path(name).name not in ADAPTERS[1:]]
        parts += ["src/mlpo_kit/__init__.py", "src/mlpo_kit/errors.py"]
    return run(orchestrator, "mypy", f"--cache-dir=.mypy_cache/{orchestrator}", *parts)


def has_python(folder: Path) -> bool:
    return any(folder.glob("*.py"))


def run(orchestrator: str, module: str, *arguments: str) -> int:
    """Run a module in the kit's folder with an environment's Python, on the sources as they are."""
    python = prepare_environment(orchestrator) / "bin" / "python"
    environment = {**os.environ, "PYTHONPATH": str(KIT / "src")}
    done = subprocess.run(
        [str(python), "-m", module, *arguments], cwd=KIT, env=environment, check=False
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
