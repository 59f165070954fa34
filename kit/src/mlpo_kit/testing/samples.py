"""Write samples in the form of a source, to try a project before its data is there.

They are the handwritten digits that come with scikit-learn, or pictures that are made up.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.testing.synthetic import picture


def write_samples(settings: Any, classes: int = 0, per_class: int = 100) -> str:
    """Write sample data to `settings.path`, never over something that is there; returns a message.

    `settings` is the section of the stage that reads the data. Its path ends in .npz or .parquet
    for a table, whose column `label` holds the digit; else it is a folder of pictures per class.
    Where `classes` is given, pictures of so many classes are made up. Raises PipelineError where
    the path is taken, or is not that of a folder then.
    """
    if getattr(settings, "path", None) is None:
        return "nothing to write: these settings name no path"
    path = find_project().root / settings.path
    if path.exists():
        raise PipelineError(f"{path} is there already; nothing was written")
    if classes and path.suffix:
        raise PipelineError(f"pictures are made up in a folder, and ingest.path is {settings.path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if classes:
        rows = _make_pictures(path, classes, per_class, settings.image_size)
    elif path.suffix:
        rows = _write_table(path, getattr(settings, "label", "label"))
    else:
        rows = _write_digits(path)
    return f"{rows} samples written to {path}"


def _write_table(path: Path, label: str) -> int:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = x.astype(np.float32)
    if path.suffix == ".npz":
        np.savez_compressed(path, x=x, y=y)
    elif path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        columns = {f"pixel_{i}": x[:, i] for i in range(x.shape[1])}
        parquet.write_table(pyarrow.table({**columns, label: y}), path)
    else:
        raise PipelineError(f"ingest.path is {path.name}: a table is a .npz or a .parquet file")
    return len(y)


def _write_digits(path: Path) -> int:
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    for number, label in enumerate(digits.target):
        file = path / str(label) / f"{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[number]).save(file)
    return len(pixels)


def _make_pictures(path: Path, classes: int, per_class: int, size: int) -> int:
    from PIL import Image

    def write_class(label: int) -> None:
        folder = path / f"class-{label:03d}"
        folder.mkdir(parents=True)
        for number in range(per_class):
            image = Image.fromarray(picture(label, number, classes, size))
            image.save(folder / f"{number:05d}.jpg", quality=90)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write_class, range(classes)))
    return classes * per_class
