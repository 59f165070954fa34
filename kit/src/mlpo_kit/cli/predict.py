"""Serve the champion and let it predict a few test rows."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import load_settings
from mlpo_kit.store import open_store

HELP = "serve the champion briefly and show its predictions for a few test rows"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --rows, --profile and --json."""
    add_profile(parser)
    parser.add_argument("--rows", type=int, default=5, help="the number of rows (default: 5)")
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print the champion's predictions and the true values."""
    from mlpo_kit.models.choosing import find_champion, open_weights
    from mlpo_kit.models.predict import format_predictions, predict_test_rows

    settings = load_settings(chosen.profile)
    champion = find_champion(settings)
    store = open_store(settings)
    model = open_weights(store, champion)
    document = predict_test_rows(store, champion.number, model, chosen.rows)
    write_answer(chosen, document, format_predictions(document))
    return DONE
