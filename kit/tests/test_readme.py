"""Every example of the README runs, in its order, in the small project."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)


@pytest.mark.slow
def test_the_examples_run_and_print_what_they_say(
    toy: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = type(sys)("readme")  # dataclasses look their module up
    monkeypatch.setitem(sys.modules, "readme", module)
    count = 0
    for language, text in BLOCK.findall(README.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(text, str(README), "exec"), vars(module))
            printed = capsys.readouterr().out
            for line in re.findall(r"print\(.*\)  # (.+)$", text, re.M):
                assert line in printed, text
            count += 1
        elif language == "console":
            for command in re.findall(r"^\$ mlpo-kit (.+)$", text, re.M):
                assert main(command.split()) == 0, command
    assert count >= 8
