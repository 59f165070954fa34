"""An exported file is the same for the same content, and any change of it is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_kit.errors import PipelineError
from mlpo_kit.handover import archive
from mlpo_kit.handover.archive import MANIFEST, open_archive, write_archive

MEMBERS: dict[str, bytes | Path] = {"files/train/model.bin": bytes(range(200)), "run.json": b"{}"}
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with two members."""
    path = tmp_path_factory.mktemp("archive") / "model.zip"
    write_archive(path, {"package": "toy"}, MEMBERS)
    return path


def rewrite(source: Path, target: Path, change: Callable[[Members], Any]) -> Path:
    """Write a file with changed members and a correct checksum, as a person could."""
    with zipfile.ZipFile(source) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
        new.comment = b"0" * 64
    checksum = archive._hash_start(target)[0]
    target.write_bytes(target.read_bytes()[:-64] + checksum.encode())
    return target


def test_a_file_is_read_as_it_was_written(file: Path, tmp_path: Path) -> None:
    opened = open_archive(file)
    assert opened.manifest["package"] == "toy"
    assert opened.read("files/train/model.bin") == MEMBERS["files/train/model.bin"]
    assert opened.list_members("files") == ["files/train/model.bin"]
    opened.copy("run.json", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"{}"
    assert zipfile.ZipFile(file).testzip() is None  # any tool can open it


def test_the_same_content_gives_the_same_bytes(file: Path, tmp_path: Path) -> None:
    payload = tmp_path / "model.bin"
    payload.write_bytes(bytes(range(200)))
    again = tmp_path / "again.zip"
    write_archive(again, {"package": "toy"}, {**MEMBERS, "files/train/model.bin": payload})
    assert again.read_bytes() == file.read_bytes()
    write_archive(again, {"package": "toy"}, MEMBERS)  # the same file is there already
    with pytest.raises(PipelineError, match=r"again.zip exists already: .* --to"):
        write_archive(again, {"package": "pets"}, MEMBERS)
    assert again.read_bytes() == file.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(
    file: Path, tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    flipped = tmp_path_factory.getbasetemp() / "flipped.zip"
    flipped.write_bytes(content)
    with pytest.raises(PipelineError, match="is damaged, or is no file that"):
        open_archive(flipped)


@given(length=st.integers(0, 5000))
def test_a_truncated_file_is_refused(
    file: Path, tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    content = file.read_bytes()
    short = tmp_path_factory.getbasetemp() / "short.zip"
    short.write_bytes(content[: min(length, len(content) - 1)])
    with pytest.raises(PipelineError, match="is damaged, or is no file that"):
        open_archive(short)


def change_manifest(**changes: Any) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        members[MANIFEST] = json.dumps({**json.loads(members[MANIFEST]), **changes}).encode()

    return change


CHANGES: dict[str, tuple[Callable[[Members], Any], str]] = {
    "a changed member": (
        lambda members: members.update({"run.json": b"[]"}),
        r"altered after .* run\.json has another SHA-256 than its manifest",
    ),
    "a longer member": (lambda members: members.update({"run.json": b"{} "}), "another SHA-256"),
    "an added member": (lambda members: members.update({"more": b""}), "lists other members"),
    "a missing member": (lambda members: members.pop("run.json"), "lists other members"),
    "no manifest": (lambda members: members.pop(MANIFEST), "other members than an export"),
    "a manifest that is no JSON": (
        lambda members: members.update({MANIFEST: b"{" * 100_000}),
        r"manifest\.json is not JSON",
    ),
    "a list as manifest": (lambda members: members.update({MANIFEST: b"[]"}), "another format"),
    "another format": (change_manifest(format="other"), "another format"),
    "a newer format": (
        change_manifest(schema_version=2),
        r"has format 2, and this project's mlpo-kit reads up to 1: .* `mlpo update`",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_a_person_altered_is_refused(file: Path, tmp_path: Path, name: str) -> None:
    change, words = CHANGES[name]
    altered = rewrite(file, tmp_path / "altered.zip", change)
    with pytest.raises(PipelineError, match=words):
        open_archive(altered)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "files/../../evil", "files/.hidden", "a b"]
)
def test_a_member_outside_of_its_folder_is_refused(file: Path, tmp_path: Path, name: str) -> None:
    def add(members: Members) -> None:
        manifest = json.loads(members[MANIFEST])
        manifest["members"][name] = archive._describe(b"evil")
        members |= {MANIFEST: json.dumps(manifest).encode(), name: b"evil"}

    with pytest.raises(PipelineError, match=r"is no name of a member"):
        open_archive(rewrite(file, tmp_path / "altered.zip", add))
    assert [path.name for path in tmp_path.rglob("*")] == ["altered.zip"]


def test_a_file_that_is_no_archive_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="there is no file"):
        open_archive(tmp_path / "none.zip")
    with pytest.raises(PipelineError, match="is a folder: name the file"):
        open_archive(tmp_path)
    (tmp_path / "text").write_text("no zip file")
    with pytest.raises(PipelineError, match="is damaged, or is no file that"):
        open_archive(tmp_path / "text")
