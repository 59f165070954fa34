"""Arrays in safetensors files, without pickle, with one JSON document (the note) per file.

Files are memory-mapped: only the parts that are read are loaded, so arrays may exceed the memory.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

PIECE = 1 << 24  # bytes of an array to process at once

# The format stores metadata in an unordered map. With a single entry, equal content always gives
# the same bytes, and so the same digest.
_NOTE = "json"
_CODES = {"uint8": "U8", "int64": "I64", "float32": "F32", "float64": "F64"}
_TYPES = {code: name for name, code in _CODES.items()}


def pack_note(note: dict[str, Any]) -> dict[str, str]:
    """Convert a JSON document to the metadata of a safetensors file."""
    return {_NOTE: json.dumps(note, sort_keys=True)}


def create_arrays(
    path: Path, shapes: Mapping[str, tuple[str, tuple[int, ...]]], note: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Create a file for arrays of the given types and shapes, and map them for writing.

    The types are uint8, int64, float32 and float64. The format is described at
    https://github.com/huggingface/safetensors.
    """
    header: dict[str, Any] = {"__metadata__": pack_note(note)}
    end = 0
    widest_first = sorted(shapes.items(), key=lambda item: (-np.dtype(item[1][0]).itemsize, item))
    for name, (kind, shape) in widest_first:
        begin, end = end, end + np.dtype(kind).itemsize * int(np.prod(shape, dtype=np.int64))
        header[name] = {"dtype": _CODES[kind], "shape": shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return _map(path, "r+")


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], note: dict[str, Any]) -> None:
    """Write named arrays and a JSON document to one file."""
    shapes = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    for name, target in create_arrays(path, shapes, note).items():
        for part in split_rows(arrays[name]):
            target[part] = arrays[name][part]


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """Map the arrays of a file for reading, by name; mapping them reserves no memory."""
    return _map(path, "r")


def load_note(path: Path) -> dict[str, Any]:
    """Read the JSON document that was saved with the arrays."""
    header, _ = _read_header(path)
    note: dict[str, Any] = json.loads(header["__metadata__"][_NOTE])
    return note


def make_scratch_array(shape: tuple[int, ...], kind: str = "uint8") -> np.ndarray:
    """Create an array in a temporary file, so that it may be larger than the memory.

    The file is in the folder that TMPDIR names and is deleted with the array.
    """
    return np.memmap(tempfile.TemporaryFile(), np.dtype(kind), "w+", shape=shape)


def split_rows(array: np.ndarray, count: int | None = None) -> Iterator[slice]:
    """Split the rows of an array into slices of about `PIECE` bytes.

    With `count`, split this number of rows of the same size instead.
    """
    rows = max(1, PIECE * len(array) // max(1, array.nbytes))
    for begin in range(0, len(array) if count is None else count, rows):
        yield slice(begin, begin + rows)


def hash_rows(array: np.ndarray) -> list[bytes]:
    """Hash the content of each row: 16 bytes of BLAKE2b."""
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in array]


def _map(path: Path, mode: Any) -> dict[str, np.ndarray]:
    header, start = _read_header(path)
    arrays: dict[str, np.ndarray] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        kind, shape = np.dtype(_TYPES[entry["dtype"]]), tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        is_empty = begin == end  # an empty array can't be mapped
        arrays[name] = (
            np.empty(shape, kind) if is_empty else np.memmap(path, kind, mode, start + begin, shape)
        )
    return arrays


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Read the header of a safetensors file; returns it and the offset of the data."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(size)), 8 + size
