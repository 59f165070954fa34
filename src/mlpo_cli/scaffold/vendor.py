"""Write the wheel of mlpo-kit into a project, and the lock that pins it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlpo_cli.resources import write_kit_wheel

LOCK = "requirements-kit.lock"


def write_kit(tree: Path) -> None:
    """Write vendor/mlpo_kit-<version>-py3-none-any.whl and requirements-kit.lock into a project."""
    wheel = write_kit_wheel(tree / "vendor")
    version = wheel.name.split("-")[1]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    pin = f"mlpo-kit=={version} \\\n    --hash=sha256:{digest}\n"
    (tree / LOCK).write_text(pin, encoding="utf-8")
