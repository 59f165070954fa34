"""Arrays in files without pickle: safetensors with one JSON note. Managed by mlpo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

# The format keeps its notes in a hash map without an order. One entry keeps the file's bytes,
# and so its digest, the same every time.
_NOTE = "json"


def pack_note(note: dict[str, Any]) -> dict[str, str]:
    """A JSON document as the metadata of a safetensors file."""
    return {_NOTE: json.dumps(note, sort_keys=True)}


def save_arrays(path: Path, arrays: dict[str, np.ndarray], note: dict[str, Any]) -> None:
    """Write named arrays and a JSON document to one file."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(contiguous, path, metadata=pack_note(note))


def load_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read the named arrays, or all of them when none is named."""
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in names or file.keys()}


def load_note(path: Path) -> dict[str, Any]:
    """Read the JSON document that was saved beside the arrays."""
    with safe_open(path, framework="numpy") as file:
        note: dict[str, Any] = json.loads(file.metadata()[_NOTE])
    return note
