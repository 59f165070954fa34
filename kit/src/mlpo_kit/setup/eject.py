"""The last way to change the kit: its sources in the project, and back to the wheel.

`eject` writes what the wheel was built of to vendor/mlpo-kit, which is then installed in its place,
as an editable package. The wheel stays for `restore`.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from . import vendored
from .environment import SetupError, say
from .install import check_project


def eject() -> None:
    """Write the kit's sources to vendor/mlpo-kit; whole, or not at all.

    Raises SetupError where they are there already, or the wheel is not the locked one.
    """
    project = Path.cwd()
    check_project(project)
    if vendored.find_sources(project) is not None:
        raise SetupError(f"the kit's sources are in {vendored.SOURCES} already: edit them there")
    wheel = vendored.find_checked_wheel(project)
    with tempfile.TemporaryDirectory(prefix=".mlpo-kit-", dir=wheel.parent) as folder:
        made = Path(folder) / "sources"
        for name, content in sources_in(wheel).items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        made.rename(project / vendored.SOURCES)
    set_up_again(project)
    say(f"the kit's sources are in {vendored.SOURCES}, yours to edit: now `make setup`")


def restore(discard: bool = False) -> None:
    """Delete vendor/mlpo-kit, so that the wheel counts again.

    Raises SetupError where nothing was ejected, or the sources were edited and `discard` is false.
    """
    project = Path.cwd()
    sources = vendored.find_sources(project)
    if sources is None:
        raise SetupError("the kit's sources were not ejected: there is nothing to take back")
    wheel = vendored.find_checked_wheel(project)
    edited = files_that_differ(sources, wheel)
    if edited and not discard:
        more = f" and {len(edited) - 5} more" if len(edited) > 5 else ""
        raise SetupError(
            f"{vendored.SOURCES} differs from the wheel in {', '.join(edited[:5])}{more}: keep a "
            "copy of what you need, then add --discard"
        )
    with tempfile.TemporaryDirectory(prefix=".mlpo-kit-", dir=wheel.parent) as folder:
        sources.rename(Path(folder) / "sources")  # gone at once, however long deleting takes
    set_up_again(project)
    say(f"the kit is {wheel.name} again: now `make setup`")


def sources_in(wheel: Path) -> dict[str, bytes]:
    """What a wheel of the kit was built of, by path: building that gives the same wheel again."""
    found = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            folder, _, rest = name.partition("/")
            content = archive.read(name)
            if folder == "mlpo_kit":
                found[f"src/{name}"] = content
            elif rest == "METADATA":
                found["README.md"] = content.partition(b"\n\n")[2]
            elif rest in ("pyproject.toml", "licenses/LICENSE"):
                found[rest.rpartition("/")[2]] = content
    return found


def files_that_differ(sources: Path, wheel: Path) -> list[str]:
    """The files of ejected sources that were edited, added or removed since; caches don't count."""
    ours = sources_in(wheel)
    theirs = {
        path.relative_to(sources).as_posix(): path.read_bytes()
        for path in sources.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )


def set_up_again(project: Path) -> None:
    """Let the next `make` set up: what is installed is another kit than what is there."""
    (project / ".venv" / "ready").unlink(missing_ok=True)
