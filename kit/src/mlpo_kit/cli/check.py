"""Check that the parts of the project match: `mlpo-kit check`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.exit_codes import DONE, FAILED
from mlpo_kit.cli.failures import explain_failure, show_traceback
from mlpo_kit.cli.output import add_json, divert_output, write_answer, write_message
from mlpo_kit.consistency import cluster, locks, manifests, profiles
from mlpo_kit.errors import PipelineError

HELP = "check that the pipeline file, settings, deploy/cluster.yaml and locks match"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """List all problems; returns 1 if there are any."""
    adapter = load_adapter()
    with divert_output():  # an orchestrator writes to stdout
        problems = list(dict.fromkeys(_run_checks(adapter.compare_pipeline, *CHECKS)))
    if problems:
        listed = "\n  ".join(problems)
        write_message(f"error: the parts of this project do not match:\n  {listed}")
    if chosen.json or not problems:
        document = {"schema_version": 1, "problems": problems}
        write_answer(chosen, document, "the pipeline file, settings, cluster and locks match")
    return FAILED if problems else DONE


def _run_checks(*checks: Callable[[], list[str]]) -> Iterator[str]:
    """Run all checks, also after one that an error has stopped: the error is a problem, too."""
    for check in checks:
        try:
            yield from check()
        except PipelineError as error:
            yield from error.problems
        except Exception as error:
            sentence = explain_failure(error)
            if sentence is None:  # an error in mlpo-kit itself
                raise
            show_traceback(error)
            yield sentence


def _check_cluster() -> list[str]:
    return cluster.find_problems(load_adapter().CLUSTER, profiles.load_cluster_profiles())


def _check_manifests() -> list[str]:
    """Compare copies of manifests, unless nothing can be rendered to compare them with."""
    if profiles.find_problems() or _check_cluster():  # reported already
        return []
    adapter, found = load_adapter(), profiles.load_cluster_profiles()
    return manifests.find_problems(adapter.CLUSTER, adapter.PRUNE_COMMAND, found)


CHECKS = (profiles.find_problems, _check_cluster, _check_manifests, locks.find_problems)
