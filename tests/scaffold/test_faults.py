"""What can go wrong while a project is made: it is there whole or not at all, and the next is fine.

The real command runs in a forked process; an audit hook strikes just before the n-th time that it
writes, renames, links, removes or changes anything below its folder (PEP 578).
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlpo_cli.__main__ import main
from mlpo_cli.scaffold import render  # noqa: F401 (copier is imported once, not in each process)
from mlpo_cli.scaffold.place import hash_tree, list_files
from mlpo_cli.staging import PREFIX

pytestmark = pytest.mark.slow

NEW = ("new", "mine", "--orchestrator", "metaflow", "--ci", "none", "--no-input", "--git")
CHANGES = (
    "os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate",
)  # fmt: skip
THEIRS = {"LICENSE": "theirs", "docs/theirs.md": "theirs"}
NEVER = 10**6


def changes(event: str, arguments: tuple[object, ...], folder: str) -> bool:
    """Whether an audit event is a change below the folder, or a program that is started."""
    if event == "subprocess.Popen":
        return True
    if event == "open":
        flags = arguments[2]
        if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return False
    elif event not in CHANGES:
        return False
    return folder in os.fspath(arguments[0]) if isinstance(arguments[0], (str, Path)) else True


def run(folder: Path, strike: Callable[[], None] = lambda: None, at: int = NEVER) -> int:
    """Run `mlpo new` in the folder; returns its exit code, negative for a signal.

    `strike` is called before its change number `at`. What it says is in `folder`.out beside it;
    the number of changes is in `folder`.count.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 70
    try:
        said = os.open(f"{folder}.out", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        sys.argv = ["mlpo", *NEW]
        os.environ["XDG_STATE_HOME"] = f"{folder}.state"
        os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        count = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if count < NEVER and changes(event, arguments, str(folder)):
                count += 1
                if count == at:
                    strike()

        sys.addaudithook(hook)
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
        changed, count = count, NEVER
        Path(f"{folder}.count").write_text(str(changed))
    finally:
        os._exit(code)


def fails(number: int) -> Callable[[], None]:
    def strike() -> None:
        raise OSError(number, os.strerror(number))

    return strike


def dies(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def somebody_makes_it() -> None:
    """The target appears, with a file of the project's in it."""
    if not Path("mine/Makefile").exists():
        Path("mine").mkdir(exist_ok=True)
        Path("mine/Makefile").write_text("theirs")


def another_makes_it() -> None:
    """Another `mlpo new` for the same target, start to end."""
    command = [sys.executable, "-m", "mlpo_cli", *NEW[:-1]]
    subprocess.run(command, capture_output=True, check=False)


FAULTS = {
    "disk full": (fails(errno.ENOSPC), {2}),
    "quota": (fails(errno.EDQUOT), {2}),
    "no permission": (fails(errno.EACCES), {2}),
    "read-only": (fails(errno.EROFS), {2}),
    "too many open files": (fails(errno.EMFILE), {2}),
    "I/O error": (fails(errno.EIO), {2, 3}),
    "interrupted": (dies(signal.SIGINT), {130}),
    "terminated": (dies(signal.SIGTERM), {130}),
    "killed": (dies(signal.SIGKILL), {-9}),
    "somebody makes the target": (somebody_makes_it, {2}),
    "another mlpo makes the target": (another_makes_it, {2}),
}

ALIKE = ("quota", "no permission", "read-only", "too many open files")  # as a full disk is


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What a run makes that nothing disturbs, and how many changes it takes."""
    folder = tmp_path_factory.mktemp("reference")
    assert run(folder) == 0, said(folder)
    return hash_of(folder), int(Path(f"{folder}.count").read_text())


def said(folder: Path) -> str:
    return Path(f"{folder}.out").read_text()


def hash_of(folder: Path) -> str:
    """Of the project, without what git keeps and what was there before."""
    mine = folder / "mine"
    files = [f for f in list_files(mine) if not f.startswith(".git/") and f not in THEIRS]
    return hash_tree(mine, files)


def prepare(folder: Path, clone: bool) -> None:
    folder.mkdir()
    for name, text in THEIRS.items() if clone else ():
        (folder / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mine" / name).write_text(text)


def judge(folder: Path, clone: bool, code: int, allowed: set[int], whole: str, where: str) -> None:
    """Nothing partial, no traceback, and the next run is fine and clears up."""
    text = said(folder)
    assert code in allowed | {0, 1}, (where, code, text)
    assert code != 0 or hash_of(folder) == whole, where
    assert "Traceback" not in text, (where, text)
    mine = folder / "mine"
    if (mine / "Makefile").exists() and (mine / "Makefile").read_text() == "theirs":
        there = set(list_files(mine)) - set(THEIRS)
        assert there == {"Makefile"}, (where, there)
        (mine / "Makefile").unlink()
    elif code != -signal.SIGKILL:
        made = [f for f in list_files(mine) if f not in THEIRS]
        assert not made or hash_of(folder) == whole, (where, made)
    elif not clone:
        assert not mine.exists() or hash_of(folder) == whole, where
    again = run(folder)
    assert again in (0, 2), (where, again, said(folder))
    assert hash_of(folder) == whole, where
    left = list(folder.rglob(f"{PREFIX}*"))
    assert not left, (where, left)
    for name, text in THEIRS.items() if clone else ():
        assert (mine / name).read_text() == text, where


def list_faults():
    """Each fault in one kind of folder decides, a kill in both; the others are full."""
    for number, name in enumerate(FAULTS):
        for clone in (False, True):
            decides = name == "killed" or (name not in ALIKE and clone == number % 2)
            marks = () if decides else pytest.mark.full
            yield pytest.param(name, clone, marks=marks, id=f"{name}-{'clone' if clone else 'new'}")


@pytest.mark.parametrize(("name", "clone"), list(list_faults()))
@pytest.mark.parametrize("step", [119, pytest.param(17, marks=pytest.mark.full)])
def test_a_fault_at_any_change_leaves_nothing_partial(name, step, clone, reference, tmp_path):
    whole, count = reference
    strike, allowed = FAULTS[name]
    # Here and there while it is built, closer to each other where the files take their place.
    points = [*range(7, count, step), *range(count - 10, count + 5, step // 30 + 2)]
    if clone and name == "killed":
        points += range(count, count + 90, step // 10)
    for at in points:
        folder = tmp_path / str(at)
        prepare(folder, clone)
        code = run(folder, strike, at)
        judge(folder, clone, code, allowed, whole, f"{name}, {at} of {count}")
        shutil.rmtree(folder)


@contextmanager
def small_disk(folder: Path, options: str):
    """A file system of its own; only root may mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kib", [8, 64, 256, 400])
def test_a_disk_that_is_really_full(tmp_path, kib):
    folder = tmp_path / "disk"
    with small_disk(folder, f"size={kib}k"):
        assert run(folder) == 2
        assert "No space left" in said(folder)
        assert list(folder.iterdir()) == []


def test_a_disk_that_is_really_read_only(tmp_path):
    folder = tmp_path / "disk"
    with small_disk(folder, "ro"):
        assert run(folder) == 2
        assert f"cannot write in {folder}: Read-only file system" in said(folder)


@pytest.mark.parametrize(
    ("limit", "value"), [(resource.RLIMIT_FSIZE, 20_000), (resource.RLIMIT_NOFILE, 8)]
)
def test_limits_of_the_process(tmp_path, limit, value):
    folder = tmp_path / "limited"
    folder.mkdir()
    before = resource.getrlimit(limit)
    assert run(folder, lambda: resource.setrlimit(limit, (value, before[1])), at=3) == 2
    assert not (folder / "mine").exists()
    assert run(folder) == 0, said(folder)
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_folder_of_somebody_else(tmp_path):
    if os.getuid():
        folder = tmp_path / "theirs"
        folder.mkdir(mode=0o555)
        assert run(folder) == 2
        assert "Permission denied" in said(folder)
    else:
        pytest.skip("root may write everywhere")


def test_an_edit_after_a_kill_is_never_taken_back(tmp_path, reference):
    """Killed while its files take their place; somebody edits one of them."""
    _, count = reference
    folder = tmp_path / "clone"
    for at in range(count, count + 90, 4):
        shutil.rmtree(folder, ignore_errors=True)
        prepare(folder, clone=True)
        assert run(folder, dies(signal.SIGKILL), at) == -signal.SIGKILL
        partial = folder / "mine" / "Makefile"
        if partial.exists() and any((folder / "mine").glob(f"{PREFIX}*/linking")):
            with open(partial, "a") as file:  # in place, as an editor that keeps links does
                file.write("# mine\n")
            assert run(folder) == 2
            assert partial.read_text().endswith("# mine\n")
            assert "Makefile: exists already" in said(folder)
            assert set(list_files(folder / "mine")) == {"Makefile", *THEIRS}
            return
    raise AssertionError("no kill hit the moment")
