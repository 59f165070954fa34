"""Print the pipeline: its stages, the inputs of each stage, and the gate."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline

HELP = "show the stages and where each input comes from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print PIPELINE without importing an orchestrator."""
    pipeline = load_pipeline()
    write_answer(chosen, pipeline.to_document(), format_graph(pipeline))
    return DONE


def format_graph(pipeline: Pipeline) -> str:
    """Format a pipeline for people: a line per stage with its inputs, then the gate."""
    width = max(map(len, pipeline.names))
    lines = []
    for stage in pipeline.values():
        inputs = ", ".join(f"{name} = {source}" for name, source in stage.inputs.items())
        lines.append(f"  {stage.name:<{width}}  {inputs}".rstrip())
    if pipeline.gate is not None:
        lines.append(f"  gate: {pipeline.gate.metric} against {pipeline.gate.bound}")
    return "\n".join(lines)
