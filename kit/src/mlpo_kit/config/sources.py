"""The files of a project's folder that are its sources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_LEFT_OUT = (".pyc", ".ipynb", ".egg-info", "~")  # what Python, Jupyter and editors write


def list_sources(folder: Path) -> Iterator[Path]:
    """List the files in a folder, and its links to other folders, which are not followed.

    Leaves out hidden files, caches, notebooks, and temporary files of editors: no cache key
    contains them.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_source(name))
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in sorted([*links, *filter(_is_source, names)]):
            yield Path(place, name)


def _is_source(name: str) -> bool:
    return name[:1] != "." and name != "__pycache__" and not name.endswith(_LEFT_OUT)
