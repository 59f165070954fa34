"""Write .mlpo/ in a project: what the project was made from, and what was generated.

answers.yaml      an answers file: `mlpo new --answers .mlpo/answers.yaml` makes the project again
versions.yaml     the versions of mlpo and of its rules
generated.sha256  the hash of every generated file: `sha256sum -c` names edited files
generated.zip     the generated files, without the locks and the kit's wheel
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlpo_cli.scaffold.place import list_files

FOLDER = ".mlpo"


def write_origin(tree: Path, answers: Mapping[str, Any], versions: Mapping[str, str]) -> None:
    """Write .mlpo/ into a project that is otherwise complete.

    The same project gives the same bytes. So the archive is not compressed: versions of zlib differ
    in their output, and git compresses the archive anyway.
    """
    files = {name: tree / name for name in list_files(tree)}
    folder = tree / FOLDER
    folder.mkdir()
    title = "The answers that made this project: `mlpo new --answers FILE` makes it again"
    _write_yaml(folder / "answers.yaml", title, answers)
    _write_yaml(folder / "versions.yaml", "The versions that made this project", versions)
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in files.items()
    )
    (folder / "generated.sha256").write_text("".join(lines), encoding="utf-8")
    with zipfile.ZipFile(folder / "generated.zip", "w", zipfile.ZIP_STORED) as archive:
        for name, path in files.items():
            if not name.endswith((".lock", ".whl")):
                entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                is_executable = path.stat().st_mode & 0o100
                entry.create_system = 3  # Unix
                entry.external_attr = (0o100755 if is_executable else 0o100644) << 16
                archive.writestr(entry, path.read_bytes())


def _write_yaml(path: Path, title: str, document: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    path.write_text(f"# {title}.\n{text}", encoding="utf-8")
