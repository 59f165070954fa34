"""The page of a run: for any pipeline, for an unfinished run, and with a project's sections."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from conftest import MakeRun

from mlpo_kit.config import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.reports.charts import draw_curves
from mlpo_kit.reports.page import ENDINGS, build_report, build_report_or_reason
from mlpo_kit.reports.sections import format_table
from mlpo_kit.runs.records import ENDED, State, read_record, write_record
from mlpo_kit.runs.workspace import Run

pytestmark = pytest.mark.usefixtures("registry")


class Headings(HTMLParser):
    """Parses the texts of the page's headings."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._is_inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "h2":
            self._is_inside = True
            self.texts.append("")
        elif tag in ("span", "i"):
            self._is_inside = False

    def handle_endtag(self, tag: str) -> None:
        if tag == "h2":
            self._is_inside = False

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.texts[-1] += data


def read_headings(page: str) -> list[str]:
    return [text.strip() for text in Headings(page).texts]


def build(run: Run) -> str:
    return build_report(run.store, run.id)


def add_section(toy: Project, source: str) -> None:
    """Write the function `make_sections` and name it in PIPELINE, as a user does."""
    (toy.root / "src" / "toy" / "report.py").write_text(source)
    path = toy.root / "src" / "toy" / "pipeline.py"
    text = path.read_text()
    line = '    predictor="model:load_predictor",\n'
    path.write_text(text.replace(line, f'{line}    report="report:make_sections",\n'))
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


@pytest.mark.slow
def test_the_page_of_a_model_that_is_not_a_classifier_has_no_classes(make_run: MakeRun) -> None:
    run = make_run()
    run_pipeline(run)
    page = build(run)
    assert read_headings(page) == ["Stages", "loss", "accuracy", "Devices", "Results", "Lineage"]
    assert "0.9667" in page  # the gate's metric, as a tile
    assert not re.search(r'(src|href)="', page)  # it opens offline


def test_all_numeric_columns_of_a_history_are_drawn() -> None:
    history = [
        {"epoch": n, "train_loss": 1 / n, "val_loss": 2 / n, "rate": 0.1, "note": "x", "bad": None}
        for n in (3, 4, 5)
    ]
    loss, rate = draw_curves(history)
    assert loss["title"] == "loss"
    assert loss["keys"] == [("train", "one"), ("val", "two")]
    assert (loss["first"], loss["last"], loss["low"], loss["high"]) == (3, 5, 1 / 5, 2 / 3)
    assert len(loss["lines"]) == 2
    assert rate["title"] == "rate"
    assert draw_curves([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("state", sorted(ENDINGS))
def test_the_page_says_how_a_failed_stage_ended(make_run: MakeRun, state: State) -> None:
    run = make_run(retention={"auto": False})
    run_pipeline(run, last="evaluate")
    record = read_record(run.store, run.id, "evaluate")
    assert record is not None
    write_record(run.store, replace(record, state=state, reason="because <b>of</b> it"))
    page = build(run)
    box = re.search(r'<section class="why ([^"]+)"><b>([^<]+)</b> ([^\n]+)</section>', page)
    assert box is not None
    words = f"evaluate {ENDINGS[state]}."
    assert box.groups() == (state, words, "because &lt;b&gt;of&lt;/b&gt; it")
    assert f'<span class="badge {state}">{state}</span>' in page


def test_every_state_except_success_has_a_description() -> None:
    from typing import get_args

    assert set(ENDINGS) == {*get_args(State)} - {"running", "completed", "reused"}
    assert "refused" in ENDED


@pytest.mark.slow
def test_the_page_says_why_a_candidate_was_refused(make_run: MakeRun) -> None:
    run = make_run(register={"min_accuracy": 0.999})
    run_pipeline(run)
    page = build(run)
    assert "register refused the candidate." in page
    assert "is below register.min_accuracy (0.999)" in page


def test_a_report_that_fails_is_replaced_by_the_error(make_run: MakeRun) -> None:
    page = build_report_or_reason(make_run().store, "2")
    assert "The report of run 2 could not be built: PipelineError" in page


def test_a_failed_run_has_a_page(make_run: MakeRun) -> None:
    run = make_run(train={"fail": True})
    with pytest.raises(PipelineError, match="no run 2"):
        build_report(run.store, "2")
    with pytest.raises(RuntimeError):
        run_pipeline(run)
    page = build(run)
    assert "train failed." in page
    assert "the training has a defect" in page


@pytest.mark.slow
def test_a_projects_section_is_on_the_page(toy: Project, make_run: MakeRun) -> None:
    add_section(
        toy,
        "from mlpo_kit.reports.sections import RunResults, Section, format_table\n"
        "def make_sections(results):\n"
        "    report = results.read_json('evaluate.report')\n"
        "    assert results.read_json('evaluate.nothing') is results.open('no.thing') is None\n"
        "    epochs = results.read_lines('train.history')\n"
        "    rows = [('<epochs>', len(epochs)), ('best', results.value('train.best_epoch')),\n"
        "            *report['metrics'].items()]\n"
        "    return [Section('My own', format_table(['name', 'value'], rows))]\n",
    )
    run = make_run()
    run_pipeline(run)
    page = build(run)
    assert "My own" in read_headings(page)
    assert "<tr><td>&lt;epochs&gt;</td><td>3</td></tr>" in page
    assert "<tr><td>accuracy</td><td>0.9667</td></tr>" in page


@pytest.mark.slow
def test_a_section_that_fails_does_not_fail_the_run(toy: Project, make_run: MakeRun) -> None:
    add_section(toy, "def make_sections(results):\n    raise KeyError('<errors>')\n")
    run = make_run()
    assert run_pipeline(run)["deploy"].version == 1
    page = build(run)
    assert "report:make_sections failed" in read_headings(page)
    assert "KeyError(&#39;&lt;errors&gt;&#39;)" in page


def test_text_in_a_table_is_escaped() -> None:
    table = format_table(["<a>"], [[1.5], ["&"], [None]])
    assert table.count("<tr>") == 4
    assert "<th>&lt;a&gt;</th>" in table
    assert "<td>1.5</td>" in table
    assert "<td>&amp;</td>" in table


@pytest.mark.slow
def test_the_page_of_a_classifier_shows_its_classes(make_project_run: MakeRun) -> None:
    run = make_project_run()
    run_pipeline(run)
    page = build(run)
    headings = read_headings(page)
    for heading in ("loss", "accuracy", "Confusion", "Per class", "Calibration", "Test samples"):
        assert heading in headings
    assert page.count("data:image/png;base64,") == 24
    assert not re.search(r"https?://", page)
    assert json.dumps(run.settings.deploy.rows) in page
