"""Write samples in the form of your source, to try it before your data is there.

They are the digits, or pictures that are made up, as many as you like.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mlpo_kit.errors import PipelineError
from mlpo_kit.testing.synthetic import picture

from ..data import load_digits
from ..settings import ROOT, IngestSettings


def write(settings: IngestSettings, classes: int = 0, per_class: int = 100) -> str:
    """Write sample data to `ingest.path`; never over something that is there.

    Where `classes` is given, pictures of so many classes are made up. Raises PipelineError where
    the source holds no pictures then.
    """
    if classes and settings.source != "images":
        raise PipelineError(
            f"ingest.source is {settings.source}: pictures are made up for `source: images`"
        )
    if settings.source == "digits" or settings.path is None:
        return "nothing to write: the digits come with scikit-learn"
    path = ROOT / settings.path
    if path.exists():
        raise PipelineError(f"{path} is there already; nothing was written")
    if classes:
        return _write_pictures(path, classes, per_class, settings.image_size)
    digits = load_digits(settings)
    flat = digits.x.reshape(len(digits.x), -1)
    if settings.source == "images":
        from PIL import Image

        for number, (pixels, label) in enumerate(zip(digits.x[:, 0], digits.y, strict=True)):
            file = path / digits.classes[label] / f"{number:04d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    elif path.suffix == ".npz":
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, x=flat.astype(np.float32), y=digits.y)
    else:
        import pyarrow
        from pyarrow import parquet

        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {f"pixel_{i}": flat[:, i] for i in range(flat.shape[1])}
        parquet.write_table(pyarrow.table({**columns, settings.label: digits.y}), path)
    return f"{len(digits.y)} sample rows written to {path}"


def _write_pictures(path: Path, classes: int, per_class: int, size: int) -> str:
    from PIL import Image

    def write_class(label: int) -> None:
        folder = path / f"class-{label:03d}"
        folder.mkdir(parents=True)
        for number in range(per_class):
            image = Image.fromarray(picture(label, number, classes, size))
            image.save(folder / f"{number:05d}.jpg", quality=90)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write_class, range(classes)))
    return f"{classes * per_class} pictures of {classes} classes written to {path}"
