"""A document is read whole and safely, or refused with one sentence."""

from __future__ import annotations

import io

import pytest

from mlpo_cli.answers.document import MAX_BYTES, load
from mlpo_cli.errors import AnswersError


def refused(path):
    with pytest.raises(AnswersError) as caught:
        load(str(path))
    (problem,) = caught.value.problems
    return f"{problem.where}: {problem.what}"


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path):
    path = tmp_path / "team.yaml"
    path.write_bytes(b"\xef\xbb\xbfschema_version: 1\r\ncriteria: {team_size: 3}\r\n")
    document = load(str(path))
    assert document.data == {"schema_version": 1, "criteria": {"team_size": 3}}
    assert document.locate(("criteria", "team_size")) == f"{path}:2"


def test_a_dash_reads_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"schema_version: 1")))
    assert load("-").name == "<stdin>"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [1", "not valid YAML"),
        (b"a: b: c", "1: not valid YAML"),
        (b"\x00\x01", "not valid YAML"),
        (b"a: 1\nb: \xff\xfe", "2: not UTF-8"),
        (b"a: &x 1\nb: *x", "1: anchors and aliases"),
        (b"a:\n  !!python/object/apply:os.system [id]", "2: the tag"),
        (b"[" * 5000, "1: nested too deeply"),
        (b"? [a]\n: 1", "a key must be"),
        (b"a" * (MAX_BYTES + 1), "larger than 1 MB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, content, said):
    path = tmp_path / "team.yaml"
    path.write_bytes(content)
    assert said in refused(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    assert "No such file" in refused(tmp_path / "none.yaml")
    assert "cannot read" in refused(tmp_path)
