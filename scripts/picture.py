"""Draw docs/recommend.svg, the picture of a terminal in the README, from real output of mlpo.

    python scripts/picture.py

`make docs` does this too; tests/test_docs.py fails if the picture is out of date.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "recommend.svg"
COMMAND = ("mlpo", "recommend", "--answers", "examples/startup.yaml")
WIDTH = 82
LIGHT_ON_DARK = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        (72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65),
        (121, 192, 255), (210, 168, 255), (86, 182, 194), (201, 209, 217),
    ],
)  # fmt: skip
# Rich's own template loads a font from another host; this one uses fonts that the reader has.
TEMPLATE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 16px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run_mlpo(*arguments: str, **variables: str) -> str:
    """Run mlpo and return its output, with none of the user's own MLPO_ or colour variables."""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("MLPO_", "NO_COLOR", "FORCE_"))
    }
    result = subprocess.run(
        [sys.executable, "-m", "mlpo_cli", *arguments],
        cwd=ROOT, env={**environment, "PYTHONIOENCODING": "utf-8", **variables},
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    return result.stdout


def draw_picture() -> str:
    """Draw the command and its output in the colours of a terminal. Returns an SVG document."""
    report = run_mlpo(*COMMAND[1:], FORCE_COLOR="1", TERM="xterm-256color")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text.assemble(("$ ", "green"), (" ".join(COMMAND), "bold")))
    console.print(Text.from_ansi(report), end="")
    picture = console.export_svg(
        title="mlpo", theme=LIGHT_ON_DARK, code_format=TEMPLATE, font_aspect_ratio=0.6,
        unique_id="mlpo",
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw_picture(), encoding="utf-8")
