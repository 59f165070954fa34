"""A baseline knows findings by their code, not by their line."""

from __future__ import annotations

import pytest
from checking import find

from mlpo_cli.check.baseline import leave_out_known, read_baseline, write_baseline
from mlpo_cli.errors import UserError

HEAD = "from metaflow import current\n"
CALL = "current.card.append('x')\n"


def test_known_findings_are_left_out_wherever_they_move_and_new_ones_are_not(tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(write_baseline(find(HEAD + CALL, "a.py"), tmp_path), encoding="utf-8")
    known = read_baseline(path)
    moved = find(f"{HEAD}\n\nif True:\n    {CALL}", "a.py")
    assert leave_out_known(moved, known, tmp_path) == []
    twice = find(HEAD + CALL + CALL, "a.py")
    assert leave_out_known(twice, known, tmp_path) == twice[1:]
    other = find(HEAD + CALL, "b.py")
    assert leave_out_known(other, known, tmp_path) == other


def test_it_does_not_matter_where_it_is_run(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    text = write_baseline(find(HEAD + CALL, "sub/a.py"), tmp_path)
    (tmp_path / "baseline.json").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "sub")
    known = read_baseline(tmp_path / "baseline.json")
    assert leave_out_known(find(HEAD + CALL, "a.py"), known, tmp_path) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "findings": []}', '{"version": 1, "findings": [3]}']
)
def test_what_is_no_baseline_is_refused_with_the_fix(tmp_path, text):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_baseline(path)
    assert "--write-baseline" in refused.value.fix
    with pytest.raises(UserError):
        read_baseline(tmp_path / "missing.json")
