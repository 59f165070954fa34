"""The pages of the documentation as something to run: their blocks, in order, in a copy of mlpo.

`sh` holds commands, `console` commands with `$` and what they print (`...` stands for anything).
A sentence before another block may say which file it changes: ``In `FILE`, below `LINE`:`` (or
above, or instead of), ``At the end of `FILE`:`` or ``New, `FILE`:``.
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
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
_IN = re.compile(r"In `([^`]+)`, (below|above|instead of) `([^`]+)`:\n\n\Z")
_WHOLE = re.compile(r"(New,|At the end of) `([^`]+)`:\n\n\Z")
_CHECKER = doctest.OutputChecker()


@dataclass(frozen=True)
class Block:
    """A block of a page. `edit` is the file that it changes, where, and beside which line."""

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
        """Each command with the output that is shown for it, None where none is."""
        if self.language == "sh":
            yield from ((line, None) for line in self.body.splitlines() if line.strip())
        if self.language == "console":
            for part in re.split(r"^\$ ", self.body, flags=re.M)[1:]:
                command, _, output = part.partition("\n")
                yield command, output or None


def pages() -> list[str]:
    """Every page of the documentation."""
    found = sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md"))
    return ["README.md", "CONTRIBUTING.md", *found]


def blocks(page: str) -> list[Block]:
    """The blocks of a page, from the top."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        # The page wraps the sentence where it likes.
        before = re.sub(r"(?<!\n)\n(?!\n)", " ", text[: match.start()].rpartition("```")[2])
        inside, whole = _IN.search(before), _WHOLE.search(before)
        edit = inside.groups() if inside else (whole[2], whole[1], "") if whole else ()
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, match[1], match[2], edit))
    return found


class Reader:
    """Somebody who follows a page in a copy of the checkout; each block starts at its root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
        # The environment of the tests, which `make setup` here finds ready and leaves as it is.
        (folder / ".venv").mkdir()
        for path in Path(sys.prefix).iterdir():
            if path.name != "ready":
                (folder / ".venv" / path.name).symlink_to(path)
        (folder / ".venv" / "ready").touch()

    def change(self, block: Block) -> None:
        """Make the change to a file that the block asks for."""
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
        """Run one line in a shell. Returns how it ended, and the folder it left the shell in."""
        leaves = self.folder / ".left-in"
        script = f"{command}\ncode=$?\npwd > {str(leaves)!r}\nexit $code\n"
        ours = re.compile("MLPO_.*|NO_COLOR|FORCE_COLOR")
        environment = {k: v for k, v in bare_environment().items() if not ours.fullmatch(k)}
        environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
        }
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
        )  # fmt: skip
        return done, Path(leaves.read_text().strip())


def difference(shown: str, printed: str) -> str:
    """How the output differs from the one that is shown; nothing where it does not."""
    if _CHECKER.check_output(shown, printed, doctest.ELLIPSIS):
        return ""
    example = doctest.Example("", shown)
    return _CHECKER.output_difference(example, printed, doctest.REPORT_NDIFF)
