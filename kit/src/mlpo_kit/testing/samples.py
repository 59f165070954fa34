"""Write sample data in the format of a project's source, to try the project without real data.

The samples are the digits of scikit-learn, or any number of synthetic pictures.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.testing.synthetic import picture

SOURCES = ("images", "table")  # sources for which samples can be written


def write_samples(settings: Any, classes: int = 0, per_class: int = 100) -> str:
    """Write sample data to `ingest.path` if nothing is there; returns what it wrote, in words.

    `settings` are those of ingest: `source`, `path`, and `image_size` (pixels per side) or `label`
    (the column of the classes). With `classes`, writes synthetic pictures of this many classes,
    `per_class` of each. Raises PipelineError if the path exists or the source is a project's own.
    """
    source, path = getattr(settings, "source", None), getattr(settings, "path", None)
    if classes and source != "images":
        raise PipelineError(f"ingest.source is {source}: synthetic pictures need `source: images`")
    if source == "digits":
        return "nothing to write: the digits come with scikit-learn"
    if source not in SOURCES or path is None:
        raise PipelineError(
            "samples can only be written if ingest.path is set and ingest.source is one of: "
            + ", ".join(SOURCES)
        )
    target = find_project().root / path
    if target.exists():
        raise PipelineError(f"{target} already exists; nothing was written")
    if classes:
        return _write_pictures(target, classes, per_class, settings.image_size)
    pixels, numbers, names = read_digits()
    if source == "images":
        _write_folders(target, pixels, [names[number] for number in numbers])
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_table(target, pixels.reshape(len(pixels), -1), numbers, settings.label)
    return f"{len(numbers)} sample rows written to {target}"


def read_digits() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read scikit-learn's digits: pixels uint8 [1797, 8, 8], classes int64 [1797], class names."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return pixels, digits.target.astype(np.int64), tuple(map(str, digits.target_names))


def _write_folders(folder: Path, pixels: np.ndarray, labels: list[str]) -> None:
    """Write one folder of pictures per class."""
    from PIL import Image

    for number, (picture_pixels, label) in enumerate(zip(pixels, labels, strict=True)):
        file = folder / label / f"{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture_pixels).save(file)


def _write_table(path: Path, rows: np.ndarray, numbers: np.ndarray, label: str) -> None:
    """Write a table with one column per pixel: .npz with `x` and `y`, or .parquet with `label`."""
    if path.suffix == ".npz":
        np.savez_compressed(path, x=rows.astype(np.float32), y=numbers)
        return
    import pyarrow
    from pyarrow import parquet

    columns = {f"pixel_{i}": rows[:, i] for i in range(rows.shape[1])}
    parquet.write_table(pyarrow.table({**columns, label: numbers}), path)


def _write_pictures(folder: Path, classes: int, per_class: int, size: int) -> str:
    from PIL import Image

    def write_class(label: int) -> None:
        place = folder / f"class-{label:03d}"
        place.mkdir(parents=True)
        for number in range(per_class):
            image = Image.fromarray(picture(label, number, classes, size))
            image.save(place / f"{number:05d}.jpg", quality=90)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write_class, range(classes)))
    return f"{classes * per_class} pictures of {classes} classes written to {folder}"
