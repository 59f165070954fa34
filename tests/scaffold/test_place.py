"""A project appears whole, or not at all, and over nothing that is there."""

import os

import pytest

from mlpo_cli.errors import TargetError
from mlpo_cli.scaffold import place
from mlpo_cli.scaffold.place import hash_tree, list_files
from mlpo_cli.staging import PREFIX, staging_folder


def build(target, **contents):
    """Put files with these contents at the target, as `generate` does."""
    with staging_folder(place.get_staging_parent(target)) as staging:
        tree = staging / "project"
        for name, content in contents.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(content)
        place.set_modes(tree)
        place.move_to_target(tree, list_files(tree), target, staging)


def test_a_finished_project_takes_its_place_and_nothing_else_stays(tmp_path):
    build(tmp_path / "project", a="1", **{"b/c/d": "2"})
    assert list_files(tmp_path) == ("project/a", "project/b/c/d")
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), staging_folder(tmp_path) as staging:
        (staging / "a").write_text("1")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_what_is_no_folder_is_refused_and_untouched(tmp_path, kind):
    target = tmp_path / "project"
    target.write_text("mine") if kind == "file" else target.symlink_to(
        tmp_path if kind == "link" else "nowhere"
    )
    with pytest.raises(TargetError, match="is not a folder"):
        build(target, a="1")
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_a_fresh_clone_is_filled(tmp_path):
    for name in (".git/HEAD", "LICENSE", "docs/mine.md"):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text("mine")
    build(tmp_path / "project", Makefile="1", **{"docs/adr/1.md": "2"})
    assert list_files(tmp_path) == (
        "project/.git/HEAD",
        "project/LICENSE",
        "project/Makefile",
        "project/docs/adr/1.md",
        "project/docs/mine.md",
    )
    assert (tmp_path / "project" / "Makefile").stat().st_nlink == 1
    assert (tmp_path / "project" / "LICENSE").read_text() == "mine"


def test_everything_in_the_way_is_listed_and_nothing_is_written(tmp_path):
    target, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    target.mkdir()
    elsewhere.mkdir()
    (target / "Makefile").write_text("mine")
    (target / "src").symlink_to(elsewhere)  # a way out of the project
    (target / "docs").write_text("a file where a folder must be")
    (target / "README.md").mkdir()  # a folder where a file must be
    with pytest.raises(TargetError, match="would replace") as caught:
        build(target, Makefile="1", **{"src/a": "", "src/b": "", "docs/c": "", "README.md": "2"})
    places = [problem.where for problem in caught.value.problems]
    assert places == ["Makefile", "README.md", "docs", "src"]
    assert list_files(target) == ("Makefile", "docs")
    assert list(elsewhere.iterdir()) == []


def test_a_target_that_appears_meanwhile_is_untouched(tmp_path):
    target = tmp_path / "project"
    with (
        pytest.raises(TargetError, match="another process created"),
        staging_folder(place.get_staging_parent(target)) as staging,
    ):
        (staging / "project").mkdir()
        target.write_text("mine")
        place.move_to_target(staging / "project", [], target, staging)
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_a_file_that_appears_while_files_are_linked_wins_and_the_rest_is_taken_back(
    tmp_path, monkeypatch
):
    target = tmp_path / "project"
    (target / "kept").mkdir(parents=True)
    link = os.link

    def race(source, destination):
        if destination.name == "c":
            destination.write_text("mine")
        link(source, destination)

    monkeypatch.setattr(os, "link", race)
    with pytest.raises(TargetError, match="another process created"):
        build(target, a="1", **{"kept/b": "2", "made/c": "3"})
    assert list_files(target) == ("made/c",)
    assert (target / "made" / "c").read_text() == "mine"
    assert (target / "kept").is_dir()


def test_without_hard_links_it_says_so(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", none)
    (tmp_path / "project").mkdir()
    with pytest.raises(TargetError, match="has no hard links"):
        build(tmp_path / "project", a="1", **{"b/c": "2"})
    assert list((tmp_path / "project").iterdir()) == []


def test_permissions_are_those_of_the_umask_and_not_of_the_template(tmp_path):
    before = os.umask(0o027)
    try:
        with staging_folder(tmp_path) as staging:
            tree = staging / "project"
            tree.mkdir()
            for name, mode in (("script", 0o700), ("private", 0o600), ("open", 0o666)):
                (tree / name).touch()
                (tree / name).chmod(mode)
            place.set_modes(tree)
            place.move_to_target(tree, list_files(tree), tmp_path / "p", staging)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"p": 0o750, "script": 0o750, "private": 0o640, "open": 0o640}


def test_only_abandoned_staging_folders_are_removed(tmp_path):
    (tmp_path / f"{PREFIX}abandond").mkdir()
    (tmp_path / f"{PREFIX}abandond" / "lock").touch()
    for mine in (f"{PREFIX}notes", ".mlpo-tmp", f"{PREFIX}a_folder_of_mine"):
        (tmp_path / mine).mkdir()
    (tmp_path / f"{PREFIX}is_afile").touch()
    (tmp_path / f"{PREFIX}is_alink").symlink_to(tmp_path)
    with staging_folder(tmp_path) as held, staging_folder(tmp_path):
        assert held.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".mlpo-tmp",
        f"{PREFIX}a_folder_of_mine",
        f"{PREFIX}is_afile",
        f"{PREFIX}is_alink",
        f"{PREFIX}notes",
    ]


def test_the_hash_is_of_names_and_bytes(tmp_path):
    def digest(**contents):
        for path in tmp_path.iterdir():
            path.unlink()
        for name, content in contents.items():
            (tmp_path / name).write_text(content)
        return hash_tree(tmp_path, list_files(tmp_path))

    assert digest(a="1", b="2") == digest(b="2", a="1")
    assert len({digest(a="1", b="2"), digest(a="2", b="1"), digest(a="1", c="2")}) == 3
