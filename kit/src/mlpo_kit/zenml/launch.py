"""Start a run on this machine or, if the profile says so, on the cluster."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Any

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings, check_settings, read_profile
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.search.sweep import plan_sweep, read_sweep
from mlpo_kit.store import open_store
from mlpo_kit.zenml.cluster import ZenmlCluster
from mlpo_kit.zenml.drawing import draw, load_training
from mlpo_kit.zenml.environment import use_local_store
from mlpo_kit.zenml.interrupts import stop_at_signals


@dataclass(frozen=True)
class Request:
    """A checked request for a run."""

    name: str
    settings: BaseSettings
    document: dict[str, Any]  # the settings from configs/ and the command line
    use_cache: bool = True
    sweep: dict[str, Any] | None = None
    skip: tuple[str, ...] = ()  # checks of the cluster to leave out


def make_request(
    profile: str,
    changes: Sequence[str] = (),
    *,
    use_cache: bool = True,
    sweep: str | None = None,
    skip: Sequence[str] = (),
) -> Request:
    """Check the options of a run and make a Request; raises PipelineError that lists all errors.

    `changes` such as `train.epochs=5` override the profile; `sweep` is a sweep file.
    """
    document = read_profile(profile, changes)
    settings = check_settings(document)
    space = None if sweep is None else read_sweep(sweep)
    if space is not None:
        plan_sweep(space, settings, sweep)  # raises if the file is wrong
    name = f"{datetime.now(timezone.utc):%Y-%m-%d-%H-%M-%S-%f}-{os.getpid()}"
    return Request(name, settings, document, use_cache, space, tuple(skip))


def run_request(request: Request) -> None:
    """Run the pipeline or a sweep.

    Raises PipelineError for errors that the user can fix; other exceptions of a stage pass through.
    """
    if request.settings.compute == "local":
        run_here(request)
    else:
        from mlpo_kit.zenml.submit import run_on_cluster

        run_on_cluster(request)


def run_here(request: Request) -> None:
    """Run on this machine; exceptions of a step are raised here, and KeyboardInterrupt."""
    settings = request.settings
    home = use_local_store(settings.local_root, find_project().source)

    from mlpo_kit.zenml.local_store import mark_alive, mark_ended, open_local_store
    from mlpo_kit.zenml.stacks import activate_local_stack

    start = prepare_start(request)
    with open_local_store(home):
        activate_local_stack()
        alive = mark_alive(home, request.name)
    show_progress()
    store = open_store(settings)
    try:
        with stop_at_signals(store, load_pipeline(), request.name):
            start()
    finally:
        mark_ended(alive)


def prepare_start(request: Request, cluster: ZenmlCluster | None = None) -> Any:
    """Check the pipeline and its configuration; return the function that starts the run.

    Call it after ZenML's environment is set. Raises PipelineError that lists all errors.
    """
    from mlpo_kit.zenml.configuration import build_options
    from mlpo_kit.zenml.making import TRIALS
    from mlpo_kit.zenml.work import DOCUMENT, SWEEP, USE_CACHE

    cache_distributions()
    training, trials, parallelism = load_training(), 0, None
    extra = {DOCUMENT: request.document, USE_CACHE: request.use_cache}
    if request.sweep is not None:
        sweep, planned = plan_sweep(request.sweep, request.settings)
        trials, parallelism = len(planned), sweep.parallelism
        extra[SWEEP] = request.sweep
    invocations = draw(training.copy(), trials)
    options = build_options(request.settings, training, invocations, cluster, parallelism)
    options["extra"] = {**options.get("extra", {}), **extra}

    def start() -> None:
        token = TRIALS.set(trials)
        try:
            training.with_options(run_name=request.name, **options)(settings=None)
        finally:
            TRIALS.reset(token)

    return start


def cache_distributions() -> None:
    """Read once per process which installed distribution has which modules.

    ZenML 0.98 reads it again for each source that it resolves, in `source_utils`. That takes 0.1 s
    and more each time, 15 times in a run.
    """
    original = importlib.metadata.packages_distributions
    if not hasattr(original, "cache_info"):
        importlib.metadata.packages_distributions = cache(original)


def show_progress() -> None:
    """Log what the stages and the kit do to the terminal."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(module)-10s  %(message)s", "%H:%M:%S"))
    for name in (find_project().package, "mlpo_kit"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def main(training: Any) -> None:
    """Run the pipeline of the calling file, with the options of `mlpo-kit run`.

    ZenML was imported before this project's environment was set, so the process is replaced by
    `mlpo-kit run`.
    """
    os.execv(sys.executable, [sys.executable, "-m", "mlpo_kit.cli", "run", *sys.argv[1:]])
