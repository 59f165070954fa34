"""Load the project's pipeline file, `pipeline/training.py`: a function with `@dsl.pipeline`."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError

FILE = "pipeline/training.py"
FUTURE_ANNOTATIONS = re.compile(r"^from __future__ import .*\bannotations\b", re.MULTILINE)


def main(pipeline: Any) -> None:
    """Run the project's pipeline: `python pipeline/training.py --set train.epochs=5`.

    The process is replaced by `mlpo-kit run`, which imports the file again.
    """
    os.execv(sys.executable, [sys.executable, "-m", "mlpo_kit.cli", "run", *sys.argv[1:]])


def load_pipeline_file() -> Any:
    """Import the pipeline file and return its KFP pipeline.

    Raises PipelineError if there is no such file, or, with the line, if it can't be traced.
    """
    path = find_project().source / FILE
    if not path.is_file():
        raise PipelineError(f"there is no {FILE}: it holds the function with @dsl.pipeline")
    if FUTURE_ANNOTATIONS.search(path.read_text(encoding="utf-8")):
        raise PipelineError(
            f"{FILE}: remove `from __future__ import annotations`: KFP reads the types of the "
            "function, and would find only their names"
        )
    from kfp.dsl import graph_component

    spec = spec_from_file_location("pipeline_file", path)
    if spec is None or spec.loader is None:
        raise PipelineError(f"{FILE} can't be imported")
    module = module_from_spec(spec)
    with name_lines():
        spec.loader.exec_module(module)
    pipelines = [
        value
        for value in vars(module).values()
        if isinstance(value, graph_component.GraphComponent)
    ]
    if (count := len(pipelines)) != 1:
        raise PipelineError(f"{FILE} has {count} functions with @dsl.pipeline: it must have one")
    return pipelines[0]


@contextmanager
def name_lines() -> Iterator[None]:
    """Turn an exception from the pipeline file into a PipelineError that names the line."""
    path = find_project().source / FILE
    try:
        yield
    except PipelineError as error:
        raise PipelineError(f"{_find_line(error, path)}: {error}") from None
    except Exception as error:
        message = str(error) or "no reason given"
        place = _find_line(error, path)
        raise PipelineError(f"{place}: {type(error).__name__}: {message}") from error


def _find_line(error: BaseException, path: Path) -> str:
    """Find the line of the pipeline file that an error comes from: its last in the traceback."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{FILE}, line {error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return f"{FILE}, line {lines[-1]}" if lines else FILE
