"""What a stage's result depends on, apart from its inputs: code, settings, packages.

Managed by mlpo.
"""

from __future__ import annotations

import hashlib
from pathlib import Path


def code_digest() -> str:
    """SHA-256 over the project package's Python files, names and bytes, in hex."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
