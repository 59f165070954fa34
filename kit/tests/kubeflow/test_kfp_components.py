"""Components are generated from result types, import little, and appear in tracebacks."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from kfp_project import KIT, KUBEFLOW

from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.generate import make_stage
from mlpo_kit.kubeflow.handover import check_code
from mlpo_kit.runs.pipeline import load_pipeline


def make(name: str, by_request: bool = False) -> Any:
    """The function of a stage's component."""
    pipeline = load_pipeline()
    return make_stage(pipeline, pipeline[name], by_request).python_func


@KUBEFLOW
def test_the_signature_of_a_component_is_that_of_its_stage(toy: Project) -> None:
    evaluate = inspect.signature(make("evaluate"))
    assert [*evaluate.parameters] == [
        *("run_id", "profile", "settings", "code", "kit", "use_cache"),
        *("model", "dataset", "splits"),
        *("report", "predictions", "metrics", "confusion"),
    ]
    assert evaluate.return_annotation is bool
    assert [*inspect.signature(make("train", by_request=True)).parameters] == [
        *("request", "model", "history", "metrics")
    ]
    assert make("ingest").__annotations__["return"].__annotations__ == {"version": str}
    # `int | None` travels as JSON.
    assert make("register").__annotations__["return"].__annotations__ == {"version": str}


@KUBEFLOW
def test_a_traceback_from_inside_a_component_shows_its_line_and_what_is_behind_it(
    toy: Project,
) -> None:
    profile = json.dumps({"project": "toy"})
    with pytest.raises(AttributeError) as caught:  # there is no artifact
        make("train")("1", profile, "", "", "", True, None, None, None, None, None)
    lines = "".join(traceback.format_exception(caught.value))
    assert re.search(
        r'File "<mlpo_kit.kubeflow: the component train>", line 4, in train\n'
        r'    return run_task\("train", locals\(\)\)\n'
        r'(?s:.*)File ".*/mlpo_kit/kubeflow/executing.py", line \d+, in run_task\n',
        lines,
    ), lines


@KUBEFLOW
def test_the_source_that_kfp_sends_is_that_of_the_component(toy: Project) -> None:
    assert inspect.getsource(make("validate")).splitlines()[1:] == [
        '    """The stage `validate`."""',
        "    from mlpo_kit.kubeflow.executing import run_task",
        '    return run_task("validate", locals())',
    ]


@KUBEFLOW
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kit": "0.1.9", "code": ""}, "but the run was started with 0.1.9: run `make setup"),
        ({"kit": "", "code": "0"}, "this image holds other code than the pipeline was compiled"),
    ],
)
def test_an_image_with_other_code_or_another_kit_is_one_sentence(
    toy: Project, given: dict[str, str], words: str
) -> None:
    with pytest.raises(PipelineError, match=words) as caught:
        check_code(given)
    assert "image push`, then " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import mlpo_kit.kubeflow", ("torch", "mlflow", "kfp", "pydantic")),
        ("import mlpo_kit.kubeflow.adapter", ("torch", "mlflow", "kfp", "kubernetes")),
        ("import mlpo_kit.kubeflow.executing", ("torch", "mlflow", "kfp", "kubernetes", "jinja2")),
        ("import mlpo_kit.kubeflow.components", ("torch", "mlflow")),
    ],
)
def test_heavy_packages_are_imported_only_when_needed(
    statement: str, absent: tuple[str, ...], tmp_path: Path
) -> None:
    code = f"import sys; {statement}; print(*[name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(KIT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


@KUBEFLOW
def test_a_stage_that_is_not_there_is_named_as_it_is_imported(toy: Project) -> None:
    with pytest.raises(PipelineError, match="no stage 'evalaute'; did you mean evaluate"):
        from mlpo_kit.kubeflow.components import evalaute  # noqa: F401
