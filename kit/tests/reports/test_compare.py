"""The page that compares runs: curves over each other, what differs, offline."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from many_runs import write_history, write_run, write_snapshot, write_start

from mlpo_kit import PipelineError, load_pipeline
from mlpo_kit.config.project import Project
from mlpo_kit.reports.charts import draw_overlaid
from mlpo_kit.reports.compare import MOST, build_comparison_page, read_epochs
from mlpo_kit.store.folder import FolderStore

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def store(toy: Project, tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def make_history(epochs: int, factor: float = 1.0) -> list[dict[str, Any]]:
    return [
        {"epoch": n, "train_loss": factor / n, "val_loss": 1.1 * factor / n, "val_accuracy": 0.9}
        for n in range(1, epochs + 1)
    ]


def read_headings(page: str) -> list[str]:
    return [text.strip() for text in re.findall(r"<h2>([^<]*)", page)]


def test_curves_lie_over_each_other_by_epoch() -> None:
    loss, rate = draw_overlaid([make_history(3)[:2], [{"epoch": 5, "val_loss": 3, "rate": 1}], []])[
        ::2
    ]
    assert (loss["title"], loss["splits"]) == ("loss", ["train", "val"])
    assert (loss["first"], loss["last"], loss["low"], loss["high"]) == (1, 5, 0.5, 3)
    lines = [(line["index"], line["split"], line["is_dot"]) for line in loss["lines"]]
    assert lines == [(0, "train", False), (0, "val", False), (1, "val", True)]
    assert loss["lines"][0]["points"] == "0.00,80.00 25.00,100.00"
    assert loss["lines"][2]["points"] == "100.00,0.00"
    assert (rate["title"], rate["splits"], rate["lines"][0]["end"]) == ("rate", [], 1)


def test_values_that_are_no_finite_numbers_are_left_out() -> None:
    history = [
        {"epoch": 1, "loss": float("nan"), "note": "x"},
        {"epoch": 2, "loss": 0.5, "note": None},
        {"loss": float("inf")},
        {"epoch": 4, "loss": 0.25, "other": [1]},
    ]
    charts = draw_overlaid([history])
    assert [(chart["title"], chart["lines"][0]["points"]) for chart in charts] == [
        ("loss", "0.00,0.00 100.00,100.00")
    ]
    assert draw_overlaid([[], []]) == []
    (chart,) = draw_overlaid([[{"loss": 1}, {"loss": 0}, {"loss": 1}]])  # epochs without a number
    assert (chart["first"], chart["last"]) == (1, 3)


def test_the_page_shows_curves_and_differences_and_needs_no_network(store: FolderStore) -> None:
    for number, epochs in ((1, 3), (2, 5)):
        run_id = f"run-{number}"
        write_run(store, run_id, train={"epochs": epochs}, accuracy=0.9 + number / 100)
        write_history(store, run_id, make_history(epochs, number))
        snapshot = write_snapshot(store, {"src/<a>.py": b"<b>%d</b>\n" % number})
        packages = {"torch": f"2.{number}"}
        settings = {"train": {"epochs": epochs, "note": "<i>"}}
        write_start(store, run_id, settings, snapshot=snapshot, packages=packages)
    page = build_comparison_page(store, ["run-1", "run-2"])
    assert read_headings(page) == [
        "Runs",
        "Metrics",
        "loss",
        "accuracy",
        "Settings",
        "Code",
        "Data and packages",
        "Stages",
    ]
    assert page.count('<polyline class="train" points=') == 2 + 1  # and the key
    assert 'class="text best">0.9200<' in page
    assert "train.epochs" in page
    assert "train.note" not in page  # the same
    assert "&lt;b&gt;1&lt;/b&gt;" in page
    assert "<b>1</b>" not in page
    assert not re.search(r"(src|href)=|url\(|https?://|<script", page)


def test_a_run_that_still_trains_or_failed_is_drawn_as_far_as_it_came(store: FolderStore) -> None:
    write_run(store, "1", last="train", state="failed", reason="broken")
    write_run(store, "2", last="ingest", state="failed")
    lines = [json.dumps({**epoch, "time": 5.0}) for epoch in make_history(3)]
    again = json.dumps({"epoch": 3, "train_loss": 99, "time": 6.0})
    text = "\n".join([*lines[:2], "[]", "no json", lines[2], again, '{"epoch": 4, "train_l'])
    store.write("runs/1/train/progress.jsonl", text.encode())
    assert read_epochs(store, load_pipeline(), "1") == make_history(3)
    page = build_comparison_page(store, ["1", "2"])
    assert {"loss", "accuracy", "No curves"} <= set(read_headings(page))
    assert "1 failed: broken" in page


def test_the_history_counts_where_there_is_one(store: FolderStore) -> None:
    write_run(store, "1")
    write_history(store, "1", make_history(2))
    store.write("runs/1/train/progress.jsonl", b'{"epoch": 1, "train_loss": 7, "time": 5.0}\n')
    assert read_epochs(store, load_pipeline(), "1") == make_history(2)
    (store.root / "runs/1/train/history.jsonl").write_text("changed")
    assert read_epochs(store, load_pipeline(), "1") == [{"epoch": 1, "train_loss": 7}]


@pytest.mark.parametrize("count", [0, 1, MOST + 1])
def test_a_page_shows_two_to_eight_runs(store: FolderStore, count: int) -> None:
    with pytest.raises(PipelineError, match=f"shows 2 to 8 different runs, and these are {count}"):
        build_comparison_page(store, [*map(str, range(count)), *["0"] * (count > 0)])


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to open the page in")
def test_eight_runs_with_long_ids_fit_in_a_real_browser(store: FolderStore, tmp_path: Path) -> None:
    run_ids = [f"training-2026_11_29-12_00_0{n}_{n * 7919:06}" for n in range(MOST)]
    for number, run_id in enumerate(run_ids):
        write_run(store, run_id, train={"epochs": number, "model": {"name": "x" * 60}})
        write_history(store, run_id, make_history(2 + number, 1 + number))
    page = tmp_path / "compare.html"
    # The script runs after the layout, and writes its measurements into the page.
    script = (
        "<script>document.body.dataset.width = document.documentElement.scrollWidth;"
        "document.body.dataset.colours = new Set([...document.querySelectorAll('polyline')]"
        ".map(line => getComputedStyle(line).stroke)).size</script></body>"
    )
    text = build_comparison_page(store, run_ids)
    page.write_text(text.replace("</body>", script))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900",
               f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    measured = dict(re.findall(r'data-(width|colours)="(\d+)"', done.stdout))
    assert int(measured["width"]) <= 1200  # wide tables scroll on their own
    assert int(measured["colours"]) == MOST + 1  # and that of the key
