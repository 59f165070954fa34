"""Build the kit's wheel: for mlpo, for pip and uv (PEP 517), and from ejected sources.

The same sources give the same bytes with any Python, folder, date and umask. So entries have fixed
dates and modes, and are not compressed, because zlib's output differs between its versions; git,
mlpo's own wheel and image registries compress it anyway. A development version contains the hash of
everything in the wheel, including this file, so that different wheels have different versions.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ABOUT = ("pyproject.toml", "README.md", "LICENSE")  # included in addition to src/
WHEEL = "Wheel-Version: 1.0\nGenerator: mlpo-kit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(root: Path, folder: Path) -> Path:
    """Build the wheel from the sources in `root` into `folder`, and return its path.

    Raises FileNotFoundError if `root` does not contain the kit's sources.
    """
    sources = read_sources(root)
    package = {
        name.removeprefix("src/"): content
        for name, content in sources.items()
        if name.startswith("src/")
    }
    return pack_wheel(sources, package, folder)


def read_sources(root: Path) -> dict[str, bytes]:
    """Read all files of the wheel, by path relative to `root`, without caches and hidden files."""
    paths = [root / name for name in ABOUT]
    for path in (root / "src" / "mlpo_kit").rglob("*"):
        inside = path.relative_to(root).parts
        is_hidden = any(part.startswith(".") or part == "__pycache__" for part in inside)
        if path.is_file() and not is_hidden and not path.name.endswith((".pyc", "~")):
            paths.append(path)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths)}


def compute_version(sources: Mapping[str, bytes]) -> str:
    """Return the version; a development version ends in `+h` and 8 digits of the sources' hash."""
    base = str(read_toml(sources)["tool"]["wheel_builder"]["version"])
    digest = hashlib.sha256()
    for name, content in sorted(sources.items()):
        digest.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
    # "h" because eight decimal digits would be normalized as a number, without leading zeros.
    return f"{base}+h{digest.hexdigest()[:8]}" if ".dev" in base else base


def read_toml(sources: Mapping[str, bytes]) -> dict[str, Any]:
    """Parse pyproject.toml."""
    return tomllib.loads(sources["pyproject.toml"].decode())


def pack_wheel(sources: Mapping[str, bytes], package: Mapping[str, bytes], folder: Path) -> Path:
    """Write a wheel with the files of `package` and the metadata of `sources`."""
    version = compute_version(sources)
    about = f"mlpo_kit-{version}.dist-info"
    files = {
        **package,
        f"{about}/METADATA": format_metadata(sources, version).encode(),
        f"{about}/WHEEL": WHEEL.encode(),
        f"{about}/licenses/LICENSE": sources["LICENSE"],
        f"{about}/pyproject.toml": sources["pyproject.toml"],  # for `eject`
    }
    if scripts := read_toml(sources)["project"].get("scripts"):
        lines = "".join(f"{name} = {target}\n" for name, target in sorted(scripts.items()))
        files[f"{about}/entry_points.txt"] = f"[console_scripts]\n{lines}".encode()
    files[f"{about}/RECORD"] = format_record(files, f"{about}/RECORD").encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as wheel:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            wheel.writestr(entry, content)
    return write_file(folder / f"mlpo_kit-{version}-py3-none-any.whl", archive.getvalue())


def format_metadata(sources: Mapping[str, bytes], version: str) -> str:
    """Make the file METADATA from pyproject.toml, with README.md as the description."""
    project = read_toml(sources)["project"]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {version}",
        f"Summary: {project['description']}",
        f"Keywords: {','.join(project['keywords'])}",
        *(f"Classifier: {classifier}" for classifier in project["classifiers"]),
        f"License-Expression: {project['license']}",
        *(f"License-File: {name}" for name in project["license-files"]),
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {requirement}" for requirement in list_requirements(project)),
        *(f"Provides-Extra: {extra}" for extra in project["optional-dependencies"]),
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + "\n\n" + sources["README.md"].decode()


def list_requirements(project: Mapping[str, Any]) -> Iterator[str]:
    """List the kit's requirements; those of extras have a marker."""
    yield from project["dependencies"]
    for extra, extra_requirements in project["optional-dependencies"].items():
        for requirement in extra_requirements:
            name, _, marker = (part.strip() for part in requirement.partition(";"))
            yield f"{name} ; {f'({marker}) and ' if marker else ''}extra == '{extra}'"


def format_record(files: Mapping[str, bytes], own: str) -> str:
    """Make the file RECORD, which lists each file with hash and size; its own line has neither."""
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    return "".join(lines) + f"{own},,\n"


def write_file(path: Path, content: bytes) -> Path:
    """Write a file atomically, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    return partial.replace(path)


# The hooks that pip, uv and build call (PEP 517 and 660) in the root folder of the sources.


def build_wheel(folder: str, settings: Any = None, prepared: Any = None) -> str:
    """Build the wheel; returns its name."""
    return write_wheel(Path.cwd(), Path(folder)).name


def build_editable(folder: str, settings: Any = None, prepared: Any = None) -> str:
    """Build a wheel that points to the sources; returns its name."""
    root = Path.cwd()
    link = {"_mlpo_kit.pth": f"{root / 'src'}\n".encode()}
    return pack_wheel(read_sources(root), link, Path(folder)).name


def build_sdist(folder: str, settings: Any = None) -> str:
    """Build the source archive; returns its name."""
    sources = read_sources(Path.cwd())
    version = compute_version(sources)
    stem = f"mlpo_kit-{version}"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in {
            **sources,
            "PKG-INFO": format_metadata(sources, version).encode(),
        }.items():
            entry = tarfile.TarInfo(f"{stem}/{name}")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    compressed = gzip.compress(archive.getvalue(), mtime=0)
    return write_file(Path(folder) / f"{stem}.tar.gz", compressed).name
