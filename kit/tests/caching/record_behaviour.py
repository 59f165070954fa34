"""Record how the parts of the kit behave now: `python tests/caching/record_behaviour.py`.

Raise the number of a part first where its results can change (caching/behaviour.py).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from mlpo_kit.caching.behaviour import PARTS, group_modules
from mlpo_kit.caching.source import hash_code

FILE = Path(__file__).with_name("behaviour.json")


def describe_parts() -> dict[str, dict[str, object]]:
    """Each part's number, and the digest of its modules' code."""
    groups = group_modules()
    found: dict[str, dict[str, object]] = {}
    for part in sorted(PARTS):
        lines = [f"{name} {hash_code(path)}\n" for name, path in sorted(groups[part].items())]
        digest = hashlib.sha256("".join(lines).encode()).hexdigest()
        found[part] = {"behaviour": PARTS[part].behaviour, "digest": digest}
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(describe_parts(), indent=2) + "\n", encoding="utf-8")
