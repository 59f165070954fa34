"""Fix the files of a run: apply fixes until nothing is left to fix, and write whole files only."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mlpo_cli.check.engine import Result
from mlpo_cli.check.fix import apply_fixes, choose_fixes
from mlpo_cli.check.model import Finding
from mlpo_cli.check.run import Job, check_job
from mlpo_cli.check.source import Source
from mlpo_cli.check.tree import Tree
from mlpo_cli.errors import TargetError
from mlpo_cli.staging import staging_folder

MOST_ROUNDS = 10  # each for what overlapped in the one before
Keep = Callable[[Iterable[Finding]], list[Finding]]


@dataclass(frozen=True)
class Rewrite:
    """What a file becomes: the new content, how many fixes are in it, and what is found then."""

    job: Job
    data: bytes
    fixed: int
    result: Result

    def render_diff(self) -> str:
        """Return the difference to the file as it is."""
        old, new = (data.decode("utf-8", "replace") for data in (self.job.data, self.data))
        lines = difflib.unified_diff(
            old.splitlines(keepends=True),
            new.splitlines(keepends=True),
            self.job.name,
            self.job.name,
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def rewrite(job: Job, keep: Keep, with_unsafe: bool) -> Rewrite:
    """Apply the fixes of the findings that `keep` returns, in memory."""
    tree = Tree()
    result, fixed, current = check_job(job, tree).result, 0, job
    for _ in range(MOST_ROUNDS):
        source = result.source
        fixes = choose_fixes(keep(result.findings), with_unsafe)
        if source is None or not fixes or _encode(source, get_content(source)) != current.data:
            break
        text, applied = apply_fixes(source, fixes)
        data = _encode(source, text)
        if applied == 0 or data is None:
            break
        following = check_job(replace(current, data=data), tree).result
        if _is_broken(following) and not _is_broken(result):
            break  # a fix must not break what was whole
        result, fixed, current = following, fixed + applied, replace(current, data=data)
    return Rewrite(job, current.data, fixed, result)


def get_content(source: Source) -> str:
    """Return all that the file of a text holds."""
    return source.raw if source.kind == "notebook" else source.text


def _encode(source: Source, text: str) -> bytes | None:
    try:
        return text.encode(source.encoding)
    except UnicodeError:
        return None


def _is_broken(result: Result) -> bool:
    return bool(result.skipped) or any(finding.rule == "MLP900" for finding in result.findings)


def write(rewritten: Rewrite) -> None:
    """Write the new content of a file. The old file stays until the new one is complete.

    Raises TargetError.
    """
    path = Path(os.path.realpath(rewritten.job.path))  # a link stays a link
    with staging_folder(path.parent) as staging:
        try:
            new = staging / "file"
            new.write_bytes(rewritten.data)
            shutil.copymode(path, new)
            os.replace(new, path)
        except OSError as error:
            raise TargetError(f"{path} cannot be written: {error.strerror}") from error
