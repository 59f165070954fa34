"""Start a run: on this machine, or on the cluster where the profile says so."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings, check_settings, read_profile
from mlpo_kit.search.sweep import plan_sweep, read_sweep
from mlpo_kit.zenml.cluster import ZenmlCluster
from mlpo_kit.zenml.drawing import draw, load_training
from mlpo_kit.zenml.environment import use_local_store


@dataclass(frozen=True)
class Request:
    """A run that somebody wants, checked."""

    name: str
    settings: BaseSettings
    document: dict[str, Any]  # the settings, as configs/ and the command line say them
    use_cache: bool = True
    sweep: dict[str, Any] | None = None
    skip: tuple[str, ...] = ()  # questions that a cluster is not asked before


def make_request(
    profile: str,
    changes: Sequence[str] = (),
    *,
    use_cache: bool = True,
    sweep: str | None = None,
    skip: Sequence[str] = (),
) -> Request:
    """Check what somebody wants; raises PipelineError that names all that is wrong.

    `changes` such as `train.epochs=5` lie over the profile; `sweep` is the file of a sweep.
    """
    document = read_profile(profile, changes)
    settings = check_settings(document)
    space = None if sweep is None else read_sweep(sweep)
    if space is not None:
        plan_sweep(space, settings)  # or raises with all that is wrong with it
    name = f"{datetime.now(timezone.utc):%Y-%m-%d-%H-%M-%S-%f}-{os.getpid()}"
    return Request(name, settings, document, use_cache, space, tuple(skip))


def run_request(request: Request) -> None:
    """Run the pipeline, or a sweep.

    Raises PipelineError for what a person can mend; what else a stage raises comes out as it is.
    """
    if request.settings.compute == "local":
        run_here(request)
    else:
        from mlpo_kit.zenml.submit import run_on_cluster

        run_on_cluster(request)


def run_here(request: Request) -> None:
    """Run on this machine; what a step raises is raised again."""
    settings = request.settings
    home = use_local_store(settings.local_root, find_project().root)

    from mlpo_kit.zenml.local_store import mark_alive, mark_ended, open_local_store
    from mlpo_kit.zenml.stacks import activate_local_stack

    start = prepare_start(request)
    with open_local_store(home):
        activate_local_stack()
        alive = mark_alive(home, request.name)
    show_progress()
    try:
        start()
    finally:
        mark_ended(alive)


def prepare_start(request: Request, cluster: ZenmlCluster | None = None) -> Any:
    """Draw the pipeline and check what ZenML will be told; returns what starts the run.

    Call it when ZenML's environment is made. Raises PipelineError for all that is wrong.
    """
    from mlpo_kit.zenml.configuration import build_options
    from mlpo_kit.zenml.making import TRIALS
    from mlpo_kit.zenml.work import DOCUMENT, SWEEP, USE_CACHE

    training, trials, parallelism = load_training(), 0, None
    extra = {DOCUMENT: request.document, USE_CACHE: request.use_cache}
    if request.sweep is not None:
        sweep, planned = plan_sweep(request.sweep, request.settings)
        trials, parallelism = len(planned), sweep.parallelism
        extra[SWEEP] = request.sweep
    drawn = draw(training.copy(), trials)
    options = build_options(request.settings, training, drawn, cluster, parallelism)
    options["extra"] = {**options.get("extra", {}), **extra}

    def start() -> None:
        token = TRIALS.set(trials)
        try:
            training.with_options(run_name=request.name, **options)(settings=None)
        finally:
            TRIALS.reset(token)

    return start


def show_progress() -> None:
    """Let the stages and the kit say on the terminal what they do."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(module)-10s  %(message)s", "%H:%M:%S"))
    for name in (find_project().package, "mlpo_kit"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def main(training: Any) -> None:
    """Run the pipeline of the file that calls this, with the options of `mlpo-kit run`.

    ZenML has read its environment by now, and not this project's: so it is `mlpo-kit run` that
    starts, in the place of this process.
    """
    os.execv(sys.executable, [sys.executable, "-m", "mlpo_kit.cli", "run", *sys.argv[1:]])
