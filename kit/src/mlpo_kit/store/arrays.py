"""Arrays in files without pickle, as large as the disk: safetensors and one JSON note.

Files are memory-mapped: the system brings in what is looked at, and no more.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

PIECE = 1 << 24  # bytes of an array that are worked on at once

# The format keeps its notes in a hash map without an order. One entry keeps the file's bytes,
# and so its digest, the same every time.
_NOTE = "json"
_CODES = {"uint8": "U8", "int64": "I64", "float32": "F32", "float64": "F64"}
_TYPES = {code: name for name, code in _CODES.items()}


def pack_note(note: dict[str, Any]) -> dict[str, str]:
    """A JSON document as the metadata of a safetensors file."""
    return {_NOTE: json.dumps(note, sort_keys=True)}


def create_arrays(
    path: Path, shapes: Mapping[str, tuple[str, tuple[int, ...]]], note: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Make a file for arrays of these types and shapes and map them, to be filled.

    Of the types uint8, int64, float32 and float64. https://github.com/huggingface/safetensors
    describes the format.
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
    for name, place in create_arrays(path, shapes, note).items():
        for part in split_rows(arrays[name]):
            place[part] = arrays[name][part]


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, to be read: the system keeps no memory back for them."""
    return _map(path, "r")


def load_note(path: Path) -> dict[str, Any]:
    """Read the JSON document that was saved beside the arrays."""
    header, _ = _header(path)
    note: dict[str, Any] = json.loads(header["__metadata__"][_NOTE])
    return note


def make_scratch_array(shape: tuple[int, ...], kind: str = "uint8") -> np.ndarray:
    """An array in a file without a name, which goes with it: it may be larger than the memory.

    It is in the folder that TMPDIR names.
    """
    return np.memmap(tempfile.TemporaryFile(), np.dtype(kind), "w+", shape=shape)


def split_rows(array: np.ndarray, count: int | None = None) -> Iterator[slice]:
    """Split an array into slices of its first axis, each of a size to work on.

    With `count` it is as many rows like those of the array that are split.
    """
    rows = max(1, PIECE * len(array) // max(1, array.nbytes))
    for begin in range(0, len(array) if count is None else count, rows):
        yield slice(begin, begin + rows)


def hash_rows(array: np.ndarray) -> list[bytes]:
    """Hash each row, so that equal hashes mean equal content: 16 bytes of BLAKE2b."""
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in array]


def _map(path: Path, mode: Any) -> dict[str, np.ndarray]:
    header, start = _header(path)
    found: dict[str, np.ndarray] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        kind, shape = np.dtype(_TYPES[entry["dtype"]]), tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        empty = begin == end  # which can't be mapped
        found[name] = (
            np.empty(shape, kind) if empty else np.memmap(path, kind, mode, start + begin, shape)
        )
    return found


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and where its data begin."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(size)), 8 + size
