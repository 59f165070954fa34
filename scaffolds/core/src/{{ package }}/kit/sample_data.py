"""Write the digits in the form of your source, to try it before your data is there.

Managed by mlpo.
"""

from __future__ import annotations

import numpy as np

from ..data import load_digits
from ..settings import ROOT, IngestSettings
from .errors import PipelineError


def write(settings: IngestSettings) -> str:
    """Write sample data to `ingest.path`; never over something that is there."""
    if settings.source == "digits" or settings.path is None:
        return "nothing to write: the digits come with scikit-learn"
    path = ROOT / settings.path
    if path.exists():
        raise PipelineError(f"{path} is there already; nothing was written")
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
