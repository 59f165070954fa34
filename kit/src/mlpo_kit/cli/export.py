"""Write a version of the model, with its lineage and report, to one file."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import load_settings

HELP = "write a version of the model to one file, for another machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add VERSION, --to, --profile and --json."""
    add_profile(parser)
    parser.add_argument(
        "version",
        metavar="VERSION",
        nargs="?",
        default="champion",
        help="its number, `champion`, or the run that registered it (default: champion)",
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="the file, or the folder for it (default: MODEL-VERSION.zip)",
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Write the file and print its SHA-256."""
    settings = load_settings(chosen.profile)
    from mlpo_kit.handover.exporting import export_version

    exported = export_version(settings, chosen.version, chosen.to)
    version = exported.version
    document = {
        "schema_version": 1,
        "path": str(exported.path.resolve()),
        "sha256": exported.sha256,
        "size": exported.size,
        "model": version.name,
        "version": version.number,
        "run_id": exported.run_id,
    }
    sentence = (
        f"version {version.number} of {version.name} ({version.metric} {version.value:.4f}): "
        f"{exported.path.resolve()}\n"
        f"SHA-256 {exported.sha256}; `mlpo-kit import FILE` reads it in a clone of this project"
    )
    write_answer(chosen, document, sentence)
    return DONE
