"""A file is written completely or not at all, and no file is replaced unless asked for."""

from __future__ import annotations

import os
import stat

import pytest

from mlpo_cli import files
from mlpo_cli.errors import TargetError


def test_a_new_file_has_the_text_and_the_usual_rights(tmp_path):
    target = tmp_path / "a.txt"
    os.umask(mask := os.umask(0o022))
    files.write(str(target), "ä\n", overwrite=False)
    assert target.read_bytes() == "ä\n".encode()
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_is_replaced_only_when_asked_for(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("mine")
    with pytest.raises(TargetError, match="exists already") as caught:
        files.write(str(target), "new", overwrite=False)
    assert "--overwrite" in caught.value.fix
    assert target.read_text() == "mine"
    files.write(str(target), "new", overwrite=True)
    assert target.read_text() == "new"


def test_a_folder_and_a_dangling_link_are_never_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "link"):
        with pytest.raises(TargetError):
            files.write(str(tmp_path / name), "x", overwrite=True)
    assert (tmp_path / "folder").is_dir()
    assert (tmp_path / "link").is_symlink()


def test_a_missing_folder_is_one_sentence_with_the_fix(tmp_path):
    with pytest.raises(TargetError, match="is not a folder") as caught:
        files.check(str(tmp_path / "none" / "a.txt"), overwrite=False)
    assert caught.value.fix


def test_a_failure_while_writing_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    target.write_text("mine")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(TargetError, match="No space left"):
        files.write(str(target), "new", overwrite=True)
    assert target.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]
