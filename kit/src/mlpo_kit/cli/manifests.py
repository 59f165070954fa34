"""Write the Kubernetes manifests to build/manifests/."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.cluster.description import read_cluster
from mlpo_kit.cluster.manifests import Files, render_manifests, write_manifests
from mlpo_kit.cluster.workloads import describe_files
from mlpo_kit.config.settings import check_settings, read_profile

HELP = "write the Kubernetes manifests to build/manifests/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile and --json."""
    add_profile(parser, default="cluster")
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Write the manifests and print the paths of the files."""
    files, comments, _ = render_all(chosen.profile)
    paths = [str(path) for path in write_manifests(files, comments)]
    write_answer(chosen, {"schema_version": 1, "files": paths}, "\n".join(paths))
    return DONE


def render_all(profile: str) -> tuple[Files, dict[str, str], list[str]]:
    """Render all manifests of a profile; returns the files, their comments and the problems."""
    adapter, document = load_adapter(), read_profile(profile)
    settings = check_settings(document)
    cluster = read_cluster(adapter.CLUSTER, settings)
    adapter_files = adapter.render_manifests(settings, document)
    files = render_manifests(settings, cluster, profile, adapter_files, adapter.PRUNE_COMMAND)
    problems = adapter.find_manifest_problems(settings, document)
    return files, describe_files(settings, cluster), problems
