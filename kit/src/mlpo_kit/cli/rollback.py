"""Make the previous champion the champion again."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import check_registry_is_shared, load_settings
from mlpo_kit.store import open_store

HELP = "make the previous champion the champion again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile and --json."""
    add_profile(parser)
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Move the champion alias back and print the version."""
    from mlpo_kit.models.registry import open_registry

    settings = load_settings(chosen.profile)
    check_registry_is_shared(settings)
    version = open_registry(settings).rollback(open_store(settings))
    value = f"{version.metric} {version.value:.4f}"
    sentence = f"the champion is version {version.number} again ({value})"
    write_answer(chosen, {"schema_version": 1, "champion": asdict(version)}, sentence)
    return DONE
