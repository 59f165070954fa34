"""Eject the kit's sources into the project to edit them, and restore the wheel.

`eject` writes the sources of the wheel to vendor/mlpo-kit, which is then installed as an editable
package instead of the wheel. The wheel stays in vendor/ for `restore`.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from . import vendored
from .environment import SetupError, write_message
from .install import check_project


def eject() -> None:
    """Write the kit's sources to vendor/mlpo-kit, all or nothing.

    Raises SetupError if they are already there or the wheel is not the locked one.
    """
    project = Path.cwd()
    check_project(project)
    if vendored.find_sources(project) is not None:
        raise SetupError(f"the kit's sources are in {vendored.SOURCES} already: edit them there")
    wheel = vendored.find_checked_wheel(project)
    with tempfile.TemporaryDirectory(prefix=".mlpo-kit-", dir=wheel.parent) as folder:
        sources = Path(folder) / "sources"
        for name, content in read_wheel_sources(wheel).items():
            path = sources / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        sources.rename(project / vendored.SOURCES)
    repeat_setup(project)
    write_message(
        f"the kit's sources are in {vendored.SOURCES}, yours to edit: now run `make setup`"
    )


def restore(discard: bool = False) -> None:
    """Delete vendor/mlpo-kit, so that the wheel is used again.

    Raises SetupError if nothing was ejected, or if sources were edited and `discard` is false.
    """
    project = Path.cwd()
    sources = vendored.find_sources(project)
    if sources is None:
        raise SetupError("the kit's sources were not ejected: there is nothing to restore")
    wheel = vendored.find_checked_wheel(project)
    edited = find_differing_files(sources, wheel)
    if edited and not discard:
        rest = f" and {len(edited) - 5} more" if len(edited) > 5 else ""
        raise SetupError(
            f"{vendored.SOURCES} differs from the wheel in {', '.join(edited[:5])}{rest}: keep a "
            "copy of what you need, then add --discard"
        )
    with tempfile.TemporaryDirectory(prefix=".mlpo-kit-", dir=wheel.parent) as folder:
        sources.rename(Path(folder) / "sources")  # removes it at once; deleting takes longer
    repeat_setup(project)
    write_message(f"the kit is {wheel.name} again: now run `make setup`")


def read_wheel_sources(wheel: Path) -> dict[str, bytes]:
    """Read the sources in a wheel of the kit, by path; building them gives the same wheel again."""
    sources = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            folder, _, rest = name.partition("/")
            content = archive.read(name)
            if folder == "mlpo_kit":
                sources[f"src/{name}"] = content
            elif rest == "METADATA":
                sources["README.md"] = content.partition(b"\n\n")[2]
            elif rest in ("pyproject.toml", "licenses/LICENSE"):
                sources[rest.rpartition("/")[2]] = content
    return sources


def find_differing_files(sources: Path, wheel: Path) -> list[str]:
    """List the ejected files that were edited, added or removed; ignores caches."""
    original = read_wheel_sources(wheel)
    current = {
        path.relative_to(sources).as_posix(): path.read_bytes()
        for path in sources.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return sorted(
        name for name in original.keys() | current.keys() if original.get(name) != current.get(name)
    )


def repeat_setup(project: Path) -> None:
    """Make the next `make` run the setup, because the installed kit is no longer current."""
    (project / ".venv" / "ready").unlink(missing_ok=True)
