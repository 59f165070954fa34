"""Samples are written once, in a format that the project's source can read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.testing.samples import read_digits, write_samples
from mlpo_kit.testing.synthetic import picture, pictures


def ingest(source: str, path: str | None = None, **values: Any) -> Any:
    return SimpleNamespace(source=source, path=path and Path(path), **values)


def test_the_digits_need_no_samples(toy: Project) -> None:
    assert write_samples(ingest("digits")).startswith("nothing to write: the digits come")


def test_folders_of_pictures(toy: Project) -> None:
    settings = ingest("images", "data/images", image_size=32)
    said = write_samples(settings)
    assert said == f"1797 sample rows written to {toy.root / 'data' / 'images'}"
    folders = sorted(path.name for path in (toy.root / "data" / "images").iterdir())
    assert folders == list("0123456789")
    files = list((toy.root / "data" / "images").rglob("*.png"))
    assert len(files) == 1797
    with Image.open(toy.root / "data" / "images" / "0" / "0000.png") as image:
        assert np.array_equal(np.asarray(image), read_digits()[0][0])
    with pytest.raises(PipelineError, match="already exists; nothing was written"):
        write_samples(settings)


@pytest.mark.parametrize("name", ["rows.npz", "data/rows.parquet"])
def test_tables(toy: Project, name: str) -> None:
    write_samples(ingest("table", name, label="digit"))
    pixels, numbers, _ = read_digits()
    if name.endswith(".npz"):
        with np.load(toy.root / name) as arrays:
            x, y = arrays["x"], arrays["y"]
    else:
        from pyarrow import parquet  # type: ignore[import-untyped]

        table = parquet.read_table(toy.root / name)
        y = table.column("digit").to_numpy()
        x = np.stack([table.column(f"pixel_{i}").to_numpy() for i in range(64)], axis=1)
    assert np.array_equal(y, numbers)
    assert np.array_equal(x, pixels.reshape(1797, 64))


def test_any_number_of_synthetic_pictures_is_written(toy: Project) -> None:
    settings = ingest("images", "data/many", image_size=16)
    assert write_samples(settings, classes=3, per_class=4).startswith("12 pictures of 3 classes")
    assert len(list((toy.root / "data" / "many").rglob("*.jpg"))) == 12
    with pytest.raises(PipelineError, match="synthetic pictures need `source: images`"):
        write_samples(ingest("table", "rows.npz", label="y"), classes=3)


@pytest.mark.parametrize("settings", [ingest("queue", "x"), ingest("images"), SimpleNamespace()])
def test_a_source_of_the_projects_own_gets_no_samples(toy: Project, settings: Any) -> None:
    with pytest.raises(PipelineError, match=r"ingest\.source is one of: images, table"):
        write_samples(settings)


def test_a_synthetic_picture_is_deterministic() -> None:
    x, y = pictures(classes=3, per_class=2, size=16)
    assert (x.shape, x.dtype, y.tolist()) == ((6, 3, 16, 16), np.uint8, [0, 0, 1, 1, 2, 2])
    assert np.array_equal(x[3], picture(1, 1, 3, 16).transpose(2, 0, 1))
    assert not np.array_equal(x[2], x[3])
