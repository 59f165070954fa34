"""Test the library in the environments of generated projects: `make test-kit`.

    python scripts/test_kit.py [--types] [--only ORCHESTRATOR] [PYTEST OPTION ...]

The tests of the core and of the Metaflow adapter run in Metaflow's locked environment, those of the
other adapters in theirs; the tests of `setup` run with mlpo's own. With --types, mypy checks the
same parts in the same environments instead. The options go to each pytest. All parts run, or that
of one orchestrator, and the exit code is 1 if one of them failed.
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
NOTHING_COLLECTED = 5  # pytest's exit code if the options select no test


def main(*arguments: str) -> int:
    """Test each part, or check its types. Returns the exit code."""
    if "--types" in arguments:
        with ThreadPoolExecutor(2) as pool:  # each mypy uses one core
            results = list(pool.map(check_types, ADAPTERS))
    else:
        options = list(arguments)
        parts: Sequence[str] = ADAPTERS
        if "--only" in options:
            at = options.index("--only")
            parts, options[at : at + 2] = options[at + 1 : at + 2], []
        results = [run_tests(orchestrator, options) for orchestrator in parts]
    return 1 if any(results) else 0


def run_tests(orchestrator: str, options: Sequence[str]) -> int:
    """Run the tests of an orchestrator's part in its environment."""
    start = time.monotonic()
    tests = [f"tests/{orchestrator}"]
    if orchestrator == "metaflow":
        others = [*(name for name in ADAPTERS if name != orchestrator), "setup"]
        tests = ["tests", *(f"--ignore=tests/{name}" for name in others)]
    else:
        tests.append("tests/recipes")
    workers = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    code = run(orchestrator, "pytest", *tests, *workers, *options)
    print(f"the kit in {orchestrator}'s environment: {time.monotonic() - start:.0f} s", flush=True)
    return 0 if code == NOTHING_COLLECTED else code


def check_types(orchestrator: str) -> int:
    """Check the types of an orchestrator's part with mypy --strict."""
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
    """Run a module with an environment's Python, in kit/ and on its sources."""
    python = prepare_environment(orchestrator) / "bin" / "python"
    environment = {**os.environ, "PYTHONPATH": str(KIT / "src")}
    result = subprocess.run(
        [str(python), "-m", module, *arguments], cwd=KIT, env=environment, check=False
    )
    return result.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
