"""A project appears whole, or not at all."""

import pytest

from mlpo_cli.errors import TargetError
from mlpo_cli.scaffold.place import files_of, staged, tree_hash


def test_a_finished_project_takes_its_place_and_nothing_else_stays(tmp_path):
    with staged(tmp_path / "project") as building:
        (building / "a").write_text("1")
    assert files_of(tmp_path) == ("project/a",)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "project") as building:
        (building / "a").write_text("1")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_existing_target_is_refused_and_untouched(tmp_path):
    target = tmp_path / "project"
    target.mkdir()
    (target / "mine").write_text("1")
    with pytest.raises(TargetError, match="exists already"), staged(target):
        pass
    assert files_of(tmp_path) == ("project/mine",)


def test_a_target_that_appears_meanwhile_is_untouched(tmp_path):
    target = tmp_path / "project"
    with pytest.raises(TargetError, match="exists already"), staged(target) as building:
        (building / "a").write_text("1")
        target.write_text("mine")
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_the_hash_is_of_names_and_bytes(tmp_path):
    def digest(**contents):
        for path in tmp_path.iterdir():
            path.unlink()
        for name, content in contents.items():
            (tmp_path / name).write_text(content)
        return tree_hash(tmp_path, files_of(tmp_path))

    assert digest(a="1", b="2") == digest(b="2", a="1")
    assert len({digest(a="1", b="2"), digest(a="2", b="1"), digest(a="1", c="2")}) == 3
