"""Print the pipeline: its stages, what each takes from which, and the gate."""

from __future__ import annotations

import argparse

from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.store.files import to_json

HELP = "the stages, and what each takes from which"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The form."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(chosen: argparse.Namespace) -> int:
    """Print PIPELINE. No orchestrator is imported."""
    pipeline = load_pipeline()
    if chosen.json:
        print(to_json(pipeline.to_document()).rstrip())
        return 0
    width = max(map(len, pipeline.names))
    for stage in pipeline.values():
        inputs = ", ".join(f"{name} = {taken}" for name, taken in stage.inputs.items())
        print(f"  {stage.name:<{width}}  {inputs}".rstrip())
    if pipeline.gate is not None:
        print(f"  gate: {pipeline.gate.metric} against {pipeline.gate.bound}")
    return 0
