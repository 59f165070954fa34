"""What a user does with the library of a project: run its installer, put another wheel there."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlpo_kit.setup import vendored
from mlpo_kit.setup.eject import read_wheel_sources
from mlpo_kit.setup.wheel_builder import write_wheel

KIT = Path(__file__).parents[1]


def set_up(
    project: Path, *arguments: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run the installer by a Python that sees no installed package."""
    (wheel, *_) = sorted((project / "vendor").glob("*.whl"))
    return subprocess.run(
        [python, "-S", str(wheel / "mlpo_kit" / "setup"), *arguments],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip


def replace_kit(project: Path, changes: Mapping[str, bytes]) -> Path:
    """Put a wheel whose sources differ in these files in the place of a project's, and pin it."""
    old = vendored.find_wheel(project)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {**read_wheel_sources(old), **changes}.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        old.unlink()
        wheel = write_wheel(Path(folder), project / vendored.VENDOR)
    (project / vendored.LOCK).write_text(vendored.make_pin(wheel))
    return wheel
