"""Write one file: whole or not at all, and over nothing that is there unless that was asked for."""

from __future__ import annotations

import os
from pathlib import Path

from mlpo_cli.errors import TargetError
from mlpo_cli.workshop import umask, workshop


def check(path: str, replace: bool) -> None:
    """Refuse, before any work is done, what `write` would refuse.

    Raises TargetError when something is there and may not be replaced, or the folder is missing.
    """
    target = Path(path)
    if os.path.lexists(target) and not (replace and target.is_file()):
        fix = "name another file" + ("" if target.is_dir() else ", or pass --yes to replace it")
        raise TargetError(f"{path} is there already", fix)
    if not target.parent.is_dir():
        raise TargetError(f"{target.parent} is no folder", "make it first, or name another file")


def write(path: str, text: str, replace: bool) -> None:
    """Write UTF-8 text to a file. Its old content stays until the new one is complete.

    Raises TargetError like `check`, and when the file cannot be written.
    """
    check(path, replace)
    target = Path(path)
    with workshop(target.parent) as shop:
        try:
            made = shop / "file"
            made.write_text(text, encoding="utf-8", newline="\n")
            made.chmod(0o666 & ~umask())
            os.replace(made, target)
        except OSError as error:
            raise TargetError(f"{path} cannot be written: {error.strerror}") from error
