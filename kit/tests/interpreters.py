"""The Pythons of this machine, for what must be the same, or be refused, in others than ours."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


def interpreter(version: str) -> str:
    """A Python of this version on the PATH or of pyenv's; skips the test where there is none."""
    versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for candidate in (*versions.glob(f"{version}.*/bin/python"), Path(f"python{version}")):
        try:
            if not subprocess.run(
                [candidate, "-c", ""], capture_output=True, check=False
            ).returncode:
                return str(candidate)
        except FileNotFoundError:
            continue
    return pytest.skip(f"there is no Python {version} here")
