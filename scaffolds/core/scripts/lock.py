"""Resolve pyproject.toml into the lock files: `make lock`. Managed by mlpo.

requirements-cuda.lock is the whole resolution; requirements.lock leaves out torch and its CUDA
parts, for machines without an NVIDIA GPU; requirements-dev.lock has the development tools.
Pins that are in the files stay where they still fit. Needs the network.
"""

import re
import subprocess
import sys
from pathlib import Path

from install import uv_environment

ROOT = Path(__file__).resolve().parent.parent
CUDA_ONLY = re.compile(r"(torch|triton|nvidia-(?!ml-py)[a-z0-9-]+|cuda-[a-z0-9-]+)==")


def main() -> None:
    """Write all three."""
    compile_lock("requirements-cuda.lock", "pyproject.toml")
    full = (ROOT / "requirements-cuda.lock").read_text(encoding="utf-8")
    (ROOT / "requirements.lock").write_text(without_cuda(full), encoding="utf-8")
    compile_lock(
        "requirements-dev.lock", "--group", "pyproject.toml:dev", "-c", "requirements-cuda.lock"
    )


def compile_lock(output: str, *sources: str) -> None:
    """One universal, hashed resolution that names no download host."""
    flags = "--universal --python-version 3.10 --generate-hashes --no-annotate --no-header -q"
    command = [sys.executable, "-m", "uv", "pip", "compile", *flags.split(), *sources, "-o", output]
    done = subprocess.run(command, cwd=ROOT, env=uv_environment(sys.executable), check=False)
    if done.returncode:
        sys.exit(f"lock: error: {output} could not be resolved; the files are as they were")


def without_cuda(lock: str) -> str:
    """A lock's text without the blocks of torch and of the packages that only CUDA needs."""
    blocks = re.split(r"^(?=[a-zA-Z0-9])", lock, flags=re.MULTILINE)
    return "".join(block for block in blocks if not CUDA_ONLY.match(block))


if __name__ == "__main__":
    main()
