"""Write one file: completely or not at all, and never over an existing file unless asked to."""

from __future__ import annotations

import os
from pathlib import Path

from mlpo_cli.errors import TargetError
from mlpo_cli.staging import get_umask, staging_folder


def check(path: str, overwrite: bool) -> None:
    """Refuse, before any work is done, a file that `write` would refuse.

    Raises TargetError when something exists there and may not be overwritten, or when its folder
    is missing.
    """
    target = Path(path)
    if os.path.lexists(target) and not (overwrite and target.is_file()):
        hint = "" if target.is_dir() else ", or pass --overwrite to replace this one"
        raise TargetError(f"{path} exists already", f"name another file{hint}")
    if not target.parent.is_dir():
        fix = "create that folder first, or name another file"
        raise TargetError(f"{target.parent} is not a folder", fix)


def write(path: str, text: str, overwrite: bool) -> None:
    """Write text to a file as UTF-8. An old file stays as it is until the new one is complete.

    Raises TargetError like `check`, and when the file cannot be written.
    """
    check(path, overwrite)
    target = Path(path)
    with staging_folder(target.parent) as staging:
        try:
            new = staging / "file"
            new.write_text(text, encoding="utf-8", newline="\n")
            new.chmod(0o666 & ~get_umask())
            os.replace(new, target)
        except OSError as error:
            raise TargetError(f"{path} cannot be written: {error.strerror}") from error
