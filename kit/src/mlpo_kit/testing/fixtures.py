"""Fixtures for a project's tests. Its tests/conftest.py imports the ones that it uses:

    from mlpo_kit.testing.fixtures import make_run

The kit does not require pytest; it is in a project's development lock.
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
from mlpo_kit.execution import tracking
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.workspace import Run

EPOCHS = 3
QUICK_FILE = "tests/quick.yaml"  # the project's own settings for a quick run

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    """Make runs with one store in a temporary folder: `make_run("2", train={"epochs": 1})`.

    The settings are those of configs/local.yaml, on the CPU and with few epochs, overridden by
    tests/quick.yaml if it exists, then by the sections in the call. The registry is in the same
    folder, regardless of MLFLOW_TRACKING_URI, and no process in the background tracks the runs. If
    the data at ingest.path does not exist yet, sample data is used.
    """
    monkeypatch.delenv(REGISTRY_VARIABLE, raising=False)
    monkeypatch.setenv(tracking.VARIABLE, "off")
    quick = merge(read_quick_settings(), {"storage_root": str(tmp_path / "store")})
    quick = merge(quick, _provide_samples(quick, tmp_path))

    def make(run_id: str = "1", use_cache: bool = True, **sections: Any) -> Run:
        return Run(run_id, "test", check_settings(merge(quick, sections)), use_cache=use_cache)

    return make


def read_quick_settings() -> Document:
    """Read the settings of a quick run of the project, as a document.

    Raises PipelineError if tests/quick.yaml is not a settings file.
    """
    document = parse_profile(find_profile("local").read_text(encoding="utf-8"))
    path = find_project().root / QUICK_FILE
    overrides = parse_yaml(path.read_text(encoding="utf-8"), QUICK_FILE) if path.is_file() else {}
    return merge(merge(document, _make_quick(check_settings(document))), overrides)


def _make_quick(settings: Any) -> Document:
    """Return changes that run stages on the CPU and train few epochs, if such settings exist."""
    pipeline, changes = load_pipeline(), dict[str, Any]()
    for name in pipeline.names:
        section = getattr(settings, name, None)
        changes[name] = {"device": "cpu"} if hasattr(section, "device") else {}
        if name == pipeline.training_stage and hasattr(section, "epochs"):
            changes[name]["epochs"] = EPOCHS
    return {name: values for name, values in changes.items() if values}


def _provide_samples(document: Document, folder: Path) -> Document:
    """Write sample data if the project's data is missing; returns settings that refer to it."""
    path = document.get("ingest", {}).get("path")
    if not path or (find_project().root / path).exists():
        return {}
    from mlpo_kit.testing.samples import write_samples

    samples = {"ingest": {"path": str((folder / "samples").with_suffix(Path(path).suffix))}}
    with suppress(PipelineError):  # a project's own source reports missing data itself
        write_samples(check_settings(merge(document, samples)).ingest)
        return samples
    return {}
