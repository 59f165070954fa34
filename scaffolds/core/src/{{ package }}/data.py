"""YOUR DATA. How samples get into the pipeline: three sources, one kind of result.

For your own source, write a function from settings to `Dataset` and add it to `SOURCES`. If
`fingerprint` cannot tell whether it has changed, it is read in every run, and the other stages run
again only if the data has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mlpo_kit import PipelineError, find_project
from mlpo_kit.store.arrays import make_scratch_array
from mlpo_kit.store.files import hash_content

from .settings import IngestSettings

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}


@dataclass(frozen=True)
class Dataset:
    """Samples with their labels.

    x: images as uint8 [n, channels, height, width], or rows as float32 [n, features]
    y: class numbers, int64 [n]
    classes: the classes' names, by number
    """

    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]

    @property
    def version(self) -> str:
        """SHA-256 of the content, in hex. Datasets with the same version are equal."""
        digest = hashlib.sha256()
        for array in (self.x, self.y):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        digest.update("\0".join(self.classes).encode())
        return digest.hexdigest()


def load(settings: IngestSettings) -> Dataset:
    """Read the source that the settings name."""
    return SOURCES[settings.source](settings)


def fingerprint(settings: IngestSettings) -> str | None:
    """Identify the content of the source without decoding it; None if only `load` can do that."""
    if settings.source == "digits":
        return "digits"  # they only change with scikit-learn, whose version is in the key anyway
    path = settings.path and find_project().root / settings.path
    return hash_content(path) if path and path.exists() else None


def load_digits(settings: IngestSettings) -> Dataset:
    """Load 1,797 handwritten digits of 8 x 8 pixels, which come with scikit-learn."""
    from sklearn.datasets import load_digits as read

    digits = read()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    names = tuple(str(name) for name in digits.target_names)
    return Dataset(pixels[:, None], digits.target.astype(np.int64), names)


def load_images(settings: IngestSettings) -> Dataset:
    """Load a folder with one folder of pictures per class; it may be larger than the memory."""
    from PIL import Image, UnidentifiedImageError

    folder = _existing(settings, "a folder with one folder of pictures per class")
    classes = tuple(sorted(child.name for child in folder.iterdir() if child.is_dir()))
    files = [
        (path, number)
        for number, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not files:
        raise PipelineError(f"no pictures in {folder}: it needs one folder of them per class")
    mode, side = "L" if settings.grayscale else "RGB", settings.image_size
    x = make_scratch_array((len(files), len(mode), side, side))

    def read(number: int) -> str | None:
        path = files[number][0]
        try:
            with Image.open(path) as image:
                image.draft(mode, (side, side))  # decode a JPEG only as far as needed
                pixels = np.asarray(image.convert(mode).resize((side, side)))
        except (UnidentifiedImageError, OSError) as error:
            return f"{path.relative_to(folder)}: {error}"
        x[number] = pixels.reshape(side, side, -1).transpose(2, 0, 1)
        return None

    with ThreadPoolExecutor() as pool:
        broken = [problem for problem in pool.map(read, range(len(files))) if problem]
    if broken:
        listed = "\n  ".join(broken[:10])
        raise PipelineError(f"{len(broken)} pictures in {folder} can't be read:\n  {listed}")
    return Dataset(x, np.asarray([number for _, number in files], np.int64), classes)


def load_table(settings: IngestSettings) -> Dataset:
    """Load a .npz file with arrays `x` and `y`, or a .parquet file with numbers and a label."""
    path = _existing(settings, "a .npz file with arrays x and y, or a .parquet file")
    if path.suffix == ".npz":
        x, labels = _read_npz(path)
    elif path.suffix == ".parquet":
        x, labels = _read_parquet(path, settings.label)
    else:
        raise PipelineError(f"ingest.path is {path.name}: a table is a .npz or a .parquet file")
    names, y = np.unique(labels, return_inverse=True)
    return Dataset(x, y.astype(np.int64), tuple(str(name) for name in names))


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        missing = {"x", "y"} - set(arrays.files)
        if missing:
            raise PipelineError(f"{path.name} has no array {', '.join(sorted(missing))}")
        x, y = arrays["x"], arrays["y"]
    if len(x) != len(y):
        raise PipelineError(f"{path.name} has {len(x)} rows in x and {len(y)} in y")
    if x.ndim == 3:  # pictures without a channel axis
        x = x[:, None]
    return (x if x.dtype == np.uint8 and x.ndim == 4 else x.astype(np.float32)), y


def _read_parquet(path: Path, label: str) -> tuple[np.ndarray, np.ndarray]:
    from pyarrow import parquet, types

    table = parquet.read_table(path)
    if label not in table.column_names:
        columns = ", ".join(table.column_names)
        raise PipelineError(
            f"{path.name} has no column {label!r} (ingest.label); it has: {columns}"
        )
    features = table.drop_columns([label])
    texts: list[str] = [
        field.name
        for field in features.schema
        if not (types.is_integer(field.type) or types.is_floating(field.type))
    ]
    if texts:
        raise PipelineError(f"these columns of {path.name} are not numbers: {', '.join(texts)}")
    arrays = [column.to_numpy() for column in features.columns]
    return np.stack(arrays, axis=1).astype(np.float32), table[label].to_numpy()


def _existing(settings: IngestSettings, what: str) -> Path:
    """Return the path of the source, or raise an error that says what belongs there."""
    if settings.path is None:
        raise PipelineError(f"ingest.path in configs/base.yaml is not set: it names {what}")
    path = find_project().root / settings.path
    if not path.exists():
        raise PipelineError(
            f"{path} does not exist: ingest.path in configs/base.yaml names {what}. "
            "`make sample-data` writes an example there."
        )
    return path


SOURCES: dict[str, Callable[[IngestSettings], Dataset]] = {
    "digits": load_digits,
    "images": load_images,
    "table": load_table,
}
