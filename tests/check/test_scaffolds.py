"""What mlpo generates has no findings, of whatever severity."""

from __future__ import annotations

import pytest
from projects import MAXIMAL, generate

from mlpo_cli.check.run import check_files
from mlpo_cli.check.walk import Configs, list_files
from mlpo_cli.scaffold import list_scaffolds


@pytest.mark.slow
@pytest.mark.parametrize("orchestrator", list_scaffolds())
def test_a_generated_project_is_clean(orchestrator, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    project = generate(tmp_path, *MAXIMAL, orchestrator=orchestrator).path
    configs = Configs({})
    results = dict(check_files(list_files([str(project)], configs), configs))
    assert configs.problems == []
    assert [finding for result in results.values() for finding in result.findings] == []
    (pipeline,) = (project / "pipeline").iterdir()
    assert results[pipeline].is_relevant
