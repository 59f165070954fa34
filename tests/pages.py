"""Read the pages of the documentation as something to run in a copy of the repository.

A `sh` block holds commands; a `console` block holds commands after `$` and their output, in which
`...` stands for anything. A sentence before another block may say which file it changes:
``In `FILE`, below `LINE`:`` (or above, or instead of),
``At the end of `FILE`:`` or ``New, `FILE`:``.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from projects import bare_environment

ROOT = Path(__file__).parents[1]
LEFT_OUT = (
    ".git",
    ".venv",
    ".envs",
    "__pycache__",
    "*.egg-info",
    ".*_cache",
    ".hypothesis",
    "demo",
    "dist",
)
SKILL = "src/mlpo_cli/SKILL.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
_IN = re.compile(r"In `([^`]+)`, (below|above|instead of) `([^`]+)`:\n\n\Z")
_WHOLE = re.compile(r"(New,|At the end of) `([^`]+)`:\n\n\Z")
_CHECKER = doctest.OutputChecker()


@dataclass(frozen=True)
class Block:
    """A block of a page. `edit` is the file that it changes, how, and next to which line."""

    page: str
    line: int
    language: str
    body: str
    edit: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """`README.md:12`."""
        return f"{self.page}:{self.line}"

    def commands(self) -> Iterator[tuple[str, str | None]]:
        """Yield each command with the output that the page shows for it, or None."""
        if self.language == "sh":
            yield from ((line, None) for line in self.body.splitlines() if line.strip())
        if self.language == "console":
            for part in re.split(r"^\$ ", self.body, flags=re.M)[1:]:
                command, _, output = part.partition("\n")
                yield command, output or None


def pages() -> list[str]:
    """List every page of the documentation, as a path below the root."""
    paths = sorted((ROOT / "docs").rglob("*.md"))
    in_docs = [path.relative_to(ROOT).as_posix() for path in paths]
    return ["README.md", "CONTRIBUTING.md", SKILL, *in_docs]


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, from the top."""
    text = (ROOT / page).read_text(encoding="utf-8")
    in_order = []
    for match in _BLOCK.finditer(text):
        # A page may break the sentence into lines anywhere.
        before = re.sub(r"(?<!\n)\n(?!\n)", " ", text[: match.start()].rpartition("```")[2])
        inside, whole = _IN.search(before), _WHOLE.search(before)
        edit = inside.groups() if inside else (whole[2], whole[1], "") if whole else ()
        line = text.count("\n", 0, match.start()) + 1
        in_order.append(Block(page, line, match[1], match[2], edit))
    return in_order


class Reader:
    """Follows a page in a copy of the repository; each block starts in its root folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
        # Share the environment of the tests. `make setup` sees that it is ready.
        (folder / ".venv").mkdir()
        for path in Path(sys.prefix).iterdir():
            if path.name != "ready":
                (folder / ".venv" / path.name).symlink_to(path)
        (folder / ".venv" / "ready").touch()

    def change(self, block: Block) -> None:
        """Change the file as the block says."""
        name, where, wanted = block.edit
        path = self.folder / name
        if where == "New,":
            assert not path.exists(), block.where
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        start, end = len(lines), len(lines)
        if wanted:
            places = [number for number, line in enumerate(lines) if line.strip() == wanted]
            assert len(places) == 1, f"{block.where}: {wanted!r} is {len(places)} times in {name}"
            start = places[0] + (where == "below")
            end = start + (where == "instead of")
        lines[start:end] = [block.body]
        path.write_text("".join(lines), encoding="utf-8")

    def run(self, command: str, folder: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
        """Run one line in a shell. Return the result and the shell's folder at the end."""
        last_folder = self.folder / ".left-in"
        script = f"{command}\ncode=$?\npwd > {str(last_folder)!r}\nexit $code\n"
        changes_output = re.compile("MLPO_.*|NO_COLOR|FORCE_COLOR")
        environment = {
            name: value
            for name, value in bare_environment().items()
            if not changes_output.fullmatch(name)
        }
        environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
            "PYTHONIOENCODING": "utf-8",
        }
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
        )  # fmt: skip
        return result, Path(last_folder.read_text().strip())


def difference(shown: str, printed: str) -> str:
    """Describe how the output differs from what the page shows; empty if it does not."""
    if _CHECKER.check_output(shown, printed, doctest.ELLIPSIS):
        return ""
    example = doctest.Example("", shown)
    return _CHECKER.output_difference(example, printed, doctest.REPORT_NDIFF)
