"""Each source of the project gives data named by their content, or says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from scaffold import MakeRun

from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.testing.samples import write_samples
from mlpo_kit.testing.synthetic import pictures

pytestmark = pytest.mark.usefixtures("project")


def load(**settings: Any) -> Any:
    from pets.data import load
    from pets.settings import IngestSettings

    return load(IngestSettings(**settings))


def write_pictures(folder: Path, per_class: int = 3) -> None:
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            pixels = random.integers(0, 256, (12, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def test_digits_come_with_the_dependencies() -> None:
    data = load()
    assert data.x.shape == (1797, 1, 8, 8)
    assert data.x.dtype == np.uint8
    assert data.classes == tuple("0123456789")


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures")
    data = load(source="images", path=tmp_path / "pictures", image_size=16)
    assert data.x.shape == (6, 3, 16, 16)
    assert data.classes == ("cat", "dog")
    assert data.y.tolist() == [0, 0, 0, 1, 1, 1]


def test_pictures_that_are_made_up_are_a_source(tmp_path: Path) -> None:
    from pets.settings import IngestSettings

    settings = IngestSettings(source="images", path=tmp_path / "made", image_size=32)
    assert write_samples(settings, classes=3, per_class=4).startswith("12 pictures of 3 classes")
    data = load(source="images", path=tmp_path / "made", image_size=32)
    assert data.classes == ("class-000", "class-001", "class-002")
    assert data.x.shape == (12, 3, 32, 32)
    exact, labels = pictures(3, 4, 32)
    assert data.y.tolist() == labels.tolist()
    assert np.abs(data.x.astype(int) - exact).mean() < 20  # a JPEG of it
    with pytest.raises(PipelineError, match="nothing was written"):
        write_samples(settings, classes=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "rows.npz", "rows.parquet"])
def test_the_digits_can_be_had_as_any_source(tmp_path: Path, name: str) -> None:
    from pets.settings import IngestSettings

    kind = "table" if "." in name else "images"
    settings: dict[str, Any]
    settings = {"source": kind, "path": tmp_path / name, "image_size": 8, "grayscale": True}
    write_samples(IngestSettings(**settings))
    data = load(**settings)
    assert sorted(np.bincount(data.y)) == sorted(np.bincount(load().y))
    assert data.classes == load().classes


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures")
    (tmp_path / "pictures" / "cat" / "bad.png").write_bytes(b"not a picture")
    with pytest.raises(PipelineError, match=r"cat/bad\.png"):
        load(source="images", path=tmp_path / "pictures")


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_a_table(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rows.{kind}"
    x, y = np.arange(12, dtype=np.float32).reshape(4, 3), np.array(["b", "a", "b", "a"])
    if kind == "npz":
        np.savez(path, x=x, y=y)
    else:
        columns = {f"f{i}": x[:, i] for i in range(3)}
        parquet.write_table(pyarrow.table({**columns, "label": y}), path)
    data = load(source="table", path=path)
    np.testing.assert_array_equal(data.x, x)
    assert data.classes == ("a", "b")
    assert data.y.tolist() == [1, 0, 1, 0]


def test_a_table_without_its_label_says_which_columns_it_has(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"f0": [1.0], "kind": ["a"]}), path)
    with pytest.raises(PipelineError, match="it has: f0, kind"):
        load(source="table", path=path)


def test_a_missing_path_says_what_belongs_there() -> None:
    with pytest.raises(PipelineError, match="one folder of pictures per class"):
        load(source="images", path=Path("no/such/folder"))


def test_the_version_is_the_content() -> None:
    from pets.data import Dataset

    x, y = np.zeros((2, 3), np.float32), np.array([0, 1])
    version = Dataset(x, y, ("a", "b")).version
    assert Dataset(x.copy(), y.copy(), ("a", "b")).version == version
    assert Dataset(x + 1, y, ("a", "b")).version != version
    assert Dataset(x, y[::-1], ("a", "b")).version != version
    assert Dataset(x, y, ("a", "c")).version != version


def test_copies_of_a_row_are_dropped_before_the_split(
    make_project_run: MakeRun, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(tmp_path / "rows.npz", x=np.concatenate([x, x]), y=np.arange(120) % 2)
    run = make_project_run(ingest={"source": "table", "path": str(tmp_path / "rows.npz")})
    prepared = run_pipeline(run, last="preprocess")["preprocess"]
    assert prepared.copies_dropped == 60
    assert sum(prepared.rows.values()) == 60


def test_splits_are_stratified() -> None:
    from pets.settings import PreprocessSettings
    from pets.stages.preprocess import split

    y = np.arange(200) % 2
    for rows in split(y, np.arange(150), PreprocessSettings()).values():
        assert abs(int((y[rows] == 0).sum()) - int((y[rows] == 1).sum())) <= 1


def test_data_that_is_not_fit_stops_the_run_with_every_problem(
    make_project_run: MakeRun, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    x[:100, 1] = np.nan
    np.savez(tmp_path / "rows.npz", x=x, y=np.arange(200) // 190)
    run = make_project_run(ingest={"source": "table", "path": str(tmp_path / "rows.npz")})
    with pytest.raises(PipelineError) as caught:
        run_pipeline(run, last="validate")
    for words in ("missing or infinite values", "class '1' has", "more than 10 times as many"):
        assert words in str(caught.value)
