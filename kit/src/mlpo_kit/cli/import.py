"""Take a version of the model from a file that `mlpo-kit export` wrote."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import load_settings

if TYPE_CHECKING:
    from mlpo_kit.handover.importing import Imported

HELP = "take a version of the model from a file that `export` wrote"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add FILE, --promote, --profile and --json."""
    add_profile(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the file")
    parser.add_argument(
        "--promote",
        action="store_true",
        help="make it the champion, whatever the gate says; `rollback` undoes that",
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Import the file and print what that changed."""
    settings = load_settings(chosen.profile)
    from mlpo_kit.handover.importing import import_version

    imported = import_version(settings, chosen.file, chosen.promote)
    version, before = imported.version, imported.before
    document = {
        "schema_version": 1,
        "sha256": imported.sha256,
        "model": version.name,
        "version": version.number,
        "run_id": imported.run_id,
        "is_new": imported.is_new,
        "is_written": imported.is_written,
        "is_promoted": imported.is_promoted,
        "champion_before": None if before is None else before.number,
        "refusal": imported.refusal,
        "origin": {"run_id": imported.manifest.run_id, "version": imported.manifest.version},
    }
    write_answer(chosen, document, "\n".join(_describe(imported, str(chosen.file))))
    return DONE


def _describe(imported: Imported, file: str) -> Iterator[str]:
    """Describe what an import did, in lines."""
    version, before, manifest = imported.version, imported.before, imported.manifest
    value = f"{version.metric} {version.value:.4f}"
    if imported.is_new:
        origin = f"run {manifest.run_id} registered it as version {manifest.version}"
        yield f"version {version.number} of {version.name} ({value}) is new here; {origin}"
    elif imported.is_written:
        yield f"version {version.number} of {version.name} ({value}) has its weights again"
    else:
        yield f"version {version.number} of {version.name} ({value}) is here already"
    yield f"SHA-256 {imported.sha256}, all hashes verified"
    if before is not None and before.number == version.number:
        yield "it is the champion"
        return
    if imported.is_promoted:
        yield "it is the champion now"
        if before is not None:
            old = f"version {before.number}, {before.metric} {before.value:.4f}"
            yield f"the champion before was {old}: `make rollback` returns to it"
            if before.dataset_version != manifest.dataset_version:
                yield "note: the two were measured on different data"
        if imported.refusal:  # its second part says what a refused candidate leads to in a run
            reason = imported.refusal.partition(": not registered")[0]
            yield f"note: the gate would refuse it in a run: {reason}"
        return
    champion = f"version {before.number} stays the champion" if before else "there is no champion"
    yield f"{champion}: `mlpo-kit import {file} --promote` makes the imported version the champion"
