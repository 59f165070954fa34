"""Escape codes go where they belong."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from mlpo_cli import console


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "styled"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_style_follows_the_stream_and_the_environment(stream, environ, styled):
    assert console.wants_style(stream, environ) is styled


@pytest.mark.parametrize(("environ", "escapes"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_styled_output_has_escape_codes_only_where_wanted(monkeypatch, environ, escapes):
    stream = Terminal()
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr("os.environ", environ)
    console.write_styled(Text("Metaflow\n", style="bold green"))
    assert ("\x1b[" in stream.getvalue()) is escapes
    assert "Metaflow" in stream.getvalue()


def test_output_goes_to_stdout_and_messages_to_stderr(capsys):
    console.write_output("{}\n")
    console.write_message("hello")
    console.write_warning("careful")
    captured = capsys.readouterr()
    assert captured.out == "{}\n"
    assert captured.err == "hello\nwarning: careful\n"


def test_what_the_encoding_cannot_represent_is_replaced(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.write_output("bar █\n")
    assert raw.getvalue() == b"bar ?\n"
