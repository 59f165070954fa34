"""Build the report of a run: one self-contained HTML page that opens offline.

The template is `report.html.j2`; this module collects its data from the run's records. The page of
a run that failed, or is still running, shows the stages so far. Parts without data are left out,
such as the confusion matrix of a model that is not a classifier.
"""

from __future__ import annotations

import json
import logging
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from mlpo_kit.errors import PipelineError
from mlpo_kit.reports.charts import draw_curves, draw_timeline, list_values
from mlpo_kit.reports.classes import draw_calibration, pick_samples, shade_confusion
from mlpo_kit.reports.sections import RunResults, make_project_sections
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.records import read_records
from mlpo_kit.runs.summary import summarize
from mlpo_kit.runs.usage import find_usage
from mlpo_kit.search.view import draw_trials
from mlpo_kit.store import Store

log = logging.getLogger(__name__)

# How a stage ended that did not succeed: the end of the sentence `<stage> ...`.
ENDINGS = {
    "refused": "refused the candidate",
    "preempted": "was preempted",
    "stopped": "was stopped",
    "interrupted": "was interrupted",
    "out of memory": "ran out of memory",
    "killed": "was killed",
    "failed": "failed",
}


def build_report(store: Store, run_id: str) -> str:
    """Build the page of a run as HTML; raises PipelineError if there is no such run."""
    records = read_records(store, run_id)
    if not records:
        raise PipelineError(f"there is no run {run_id} in the store")
    pipeline, results = load_pipeline(), RunResults(store, records)
    evaluation_stage = pipeline.gate.stage if pipeline.gate else "evaluate"
    document = results.read_json(f"{evaluation_stage}.report")
    evaluation = document if isinstance(document, dict) else {}
    return open_template("report.html.j2").render(
        summary=summarize(store, pipeline, run_id),
        endings=ENDINGS,
        timeline=draw_timeline(records.values()),
        curves=draw_curves(results.read_lines(f"{pipeline.training_stage}.history")),
        classes=evaluation.get("classes", []),
        per_class=evaluation.get("per_class", []),
        confusion=shade_confusion(evaluation),
        calibration=draw_calibration(evaluation),
        samples=pick_samples(
            *(
                results.open(f"{evaluation_stage}.{name}")
                for name in ("predictions", "dataset", "splits")
            )
        ),
        project_sections=make_project_sections(results),
        devices=[(r.stage, use) for r in records.values() if (use := find_usage(r)) is not None],
        sweep=draw_trials(store, run_id),
        values={stage: shown for stage, r in records.items() if (shown := list_values(r))},
        settings={stage: json.dumps(r.settings, indent=2) for stage, r in records.items()},
        outputs=[
            (stage, name, ref)
            for stage, r in records.items()
            for name, ref in r.outputs.items()
            if ref not in r.inputs.values()  # an input that the stage returned: not its own output
        ],
        code=next(iter(records.values())).code,
    )


def open_template(name: str) -> Template:
    """Open a template in this folder; it escapes text, and an unknown name in it is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def build_report_or_reason(store: Store, run_id: str) -> str:
    """Build the page of a run, or one with the error, so that a run never fails by its report."""
    try:
        return build_report(store, run_id)
    except Exception as error:
        log.exception("the report of run %s could not be built", run_id)
        return f"<p>The report of run {run_id} could not be built: {escape(repr(error))}</p>"
