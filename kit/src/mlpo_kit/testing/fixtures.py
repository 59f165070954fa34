"""Fixtures for a project's own tests. Its tests/conftest.py imports those that it uses:

    from mlpo_kit.testing.fixtures import make_run

pytest is not one of the kit's requirements: a project's development lock has it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mlpo_kit.config.documents import Document, merge, parse_yaml
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import (
    REGISTRY_VARIABLE,
    check_settings,
    find_profile,
    parse_profile,
)
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.workspace import Run

EPOCHS = 3
QUICK_FILE = "tests/quick.yaml"  # of the project; what a small and quick run is there

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    """Make runs over one store in a temporary folder: `make_run("2", train={"epochs": 1})`.

    The settings are those of configs/local.yaml, on the CPU and with few epochs, then those of
    tests/quick.yaml where the project has one, then the sections that the call names. The registry
    is in the same folder, whatever MLFLOW_TRACKING_URI says. Where the data that ingest.path names
    is not there yet, samples are.
    """
    monkeypatch.delenv(REGISTRY_VARIABLE, raising=False)
    quick = merge(read_quick_settings(), {"storage_root": str(tmp_path / "store")})
    quick = merge(quick, _bring_samples(quick, tmp_path))

    def make(run_id: str = "1", use_cache: bool = True, **sections: Any) -> Run:
        return Run(run_id, "test", check_settings(merge(quick, sections)), use_cache=use_cache)

    return make


def read_quick_settings() -> Document:
    """Read the settings of a small run of the project, as a document.

    Raises PipelineError where tests/quick.yaml is no file of settings.
    """
    document = parse_profile(find_profile("local").read_text(encoding="utf-8"))
    path = find_project().root / QUICK_FILE
    own = parse_yaml(path.read_text(encoding="utf-8"), QUICK_FILE) if path.is_file() else {}
    return merge(merge(document, _make_quick(check_settings(document))), own)


def _make_quick(settings: Any) -> Document:
    """Few epochs of the stage that learns, and each stage on the CPU, where they can be set."""
    pipeline, changes = load_pipeline(), dict[str, Any]()
    for name in pipeline.names:
        section = getattr(settings, name, None)
        changes[name] = {"device": "cpu"} if hasattr(section, "device") else {}
        if name == pipeline.training_stage and hasattr(section, "epochs"):
            changes[name]["epochs"] = EPOCHS
    return {name: values for name, values in changes.items() if values}


def _bring_samples(document: Document, folder: Path) -> Document:
    """Write samples where the data is missing; returns the settings that name them."""
    path = document.get("ingest", {}).get("path")
    if not path or (find_project().root / path).exists():
        return {}
    from mlpo_kit.testing.samples import write_samples

    samples = {"ingest": {"path": str((folder / "samples").with_suffix(Path(path).suffix))}}
    with suppress(PipelineError):  # a source of the project's own says itself what is missing
        write_samples(check_settings(merge(document, samples)).ingest)
        return samples
    return {}
