"""A project's own installer, run out of the wheel in its vendor/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
