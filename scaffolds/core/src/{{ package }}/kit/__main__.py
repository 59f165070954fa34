"""The commands behind the Makefile: `python -m <package>.kit VERB`. Managed by mlpo."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings
from . import records
from .cluster import check_shared
from .errors import PipelineError
from .store import write_text

if TYPE_CHECKING:
    from .registry import Version


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0, or 1 when it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m kit", description=__doc__)
    parser.add_argument("--profile", default="local", help="a file of configs/, or a path")
    verbs = parser.add_subparsers(dest="verb", required=True)
    summary = verbs.add_parser("summary", help="what the newest run did, as a table")
    summary.add_argument("--since", type=float, default=0, help="seconds since the epoch")
    plan = verbs.add_parser("plan", help="what the next run would do, and why")
    plan.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE")
    plan.add_argument("--no-cache", action="store_true")
    plan.add_argument("--json", action="store_true")
    report = verbs.add_parser("report", help="write report.html for a run")
    report.add_argument("--run", help="the run's id; the newest one if not given")
    report.add_argument("--output", type=Path, default=Path("report.html"))
    serve = verbs.add_parser("serve", help="serve the champion")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    predict = verbs.add_parser("predict", help="ask the served champion about test rows")
    predict.add_argument("--rows", type=int, default=5)
    verbs.add_parser("rollback", help="make the previous champion the champion again")
    keep = verbs.add_parser("keep", help="mark a run: its files are never deleted")
    keep.add_argument("run", help="its id")
    keep.add_argument("--undo", action="store_true", help="take the mark off")
    sample = verbs.add_parser("sample-data", help="write samples where ingest.path points")
    sample.add_argument("--classes", type=int, default=0, help="make up pictures of so many")
    sample.add_argument("--per-class", type=int, default=100, help="how many of each")
    chosen = parser.parse_args(arguments)
    try:
        config = settings.load(chosen.profile, getattr(chosen, "set", []))
        check_shared(config)
        print(VERBS[chosen.verb](config, chosen))
    except PipelineError as error:
        if not getattr(chosen, "since", 0):  # else the run that just ended has said it
            print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _summary(config: settings.Settings, chosen: argparse.Namespace) -> str:
    from . import sweep_view
    from .summary import render

    latest = _latest(config)
    started = records.last_start(config.store, latest["run_id"])
    if started is None or started < chosen.since:
        raise PipelineError("the run ended before its first stage; see above")
    swept = sweep_view.read(config.store, latest["run_id"])
    return render(latest) + (sweep_view.as_table(swept) if swept and swept["chosen"] else "")


def _plan(config: settings.Settings, chosen: argparse.Namespace) -> str:
    from .plan import as_document, as_table, plan
    from .store import to_json
    from .workspace import Run

    steps = plan(Run("plan", "none", config, use_cache=not chosen.no_cache))
    return to_json(as_document(steps)).rstrip() if chosen.json else as_table(steps)


def _report(config: settings.Settings, chosen: argparse.Namespace) -> str:
    from .report import build

    run_id = chosen.run or _latest(config)["run_id"]
    write_text(chosen.output, build(config.store, run_id))
    return f"report of run {run_id}: {chosen.output.resolve()}"


def _serve(config: settings.Settings, chosen: argparse.Namespace) -> str:
    from .serve import serve

    champion = _champion(config)
    model = config.store.open(champion.model)
    serve(model, chosen.host, chosen.port, champion.number)
    return "stopped"


def _predict(config: settings.Settings, chosen: argparse.Namespace) -> str:
    from .predict import predict

    return predict(config.store, _champion(config), chosen.rows)


def _rollback(config: settings.Settings, _: argparse.Namespace) -> str:
    from .registry import Registry

    version = Registry(config.register.model_name, config.local_root).rollback(config.store)
    return f"the champion is version {version.number} again (accuracy {version.accuracy:.4f})"


def _keep(config: settings.Settings, chosen: argparse.Namespace) -> str:
    from .prune import keep

    return keep(config.store, chosen.run, chosen.undo)


def _sample_data(config: settings.Settings, chosen: argparse.Namespace) -> str:
    from .sample_data import write

    return write(config.ingest, chosen.classes, chosen.per_class)


def _latest(config: settings.Settings) -> dict[str, Any]:
    summary = records.refresh_latest(config.store)
    if summary is None:
        raise PipelineError(f"there is no run in {config.storage_root} yet: `make run` starts one")
    return summary


def _champion(config: settings.Settings) -> Version:
    from .registry import Registry

    champion = Registry(config.register.model_name, config.local_root).champion()
    if champion is None:
        raise PipelineError("no model is deployed yet: `make run` trains and deploys one")
    return champion


VERBS = {
    "summary": _summary,
    "plan": _plan,
    "report": _report,
    "serve": _serve,
    "predict": _predict,
    "rollback": _rollback,
    "keep": _keep,
    "sample-data": _sample_data,
}

if __name__ == "__main__":
    sys.exit(main())
