"""What reaches a terminal: text and colours, nothing else that it would obey."""

from __future__ import annotations

import json

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis_stem import cli, models
from jarvis_stem.utils import terminal
from jarvis_stem.utils.files import json_line, json_text

OBEYED = [
    "\x1b[30m",
    "\x1b[8m",
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x1b[999;999H",
    "\r",
    "\b",
    "\x9b31m",
    "\u202e",
    "\x00",
    "\x1bc",
]


@pytest.mark.parametrize("code", OBEYED)
def test_codes_of_strangers_are_escaped(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.echo(f"a{code}b")
    cli.complain(f"a{code}b.png: not readable")
    out, err = capsys.readouterr()
    assert out == f"a{ascii(code)[1:-1]}b\n"
    assert err == f"error: a{ascii(code)[1:-1]}b.png: not readable\n"


def test_colours_lines_and_tabs_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(click, "echo", lambda text, **_: shown.append(text))
    text = f"{click.style('error:', fg='red')} a\tb\nc é 🏆 {click.style('x', bold=True)}"
    terminal.echo(terminal.Coloured(text))
    assert shown == [text]


@given(st.text())
def test_any_text_is_harmless(text: str) -> None:
    shown = terminal.plain(text)
    assert terminal.plain(shown) == shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("code", OBEYED)
def test_json_has_codes_as_escapes(code: str) -> None:
    for written in (json_text({"é 🏆": [code]}), json_line({"é 🏆": [code]})):
        assert terminal.plain(written) == written
        assert "é 🏆" in written
        assert json.loads(written) == {"é 🏆": [code]}


@pytest.mark.parametrize("code", OBEYED)
def test_arguments_that_are_too_many_are_harmless(
    code: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "\0" in code:
        return  # no shell has it
    monkeypatch.setattr("sys.argv", ["models", f"a{code}b"])
    assert cli.run(models.main) == 2
    shown = capsys.readouterr().err
    assert "unexpected extra argument" in shown
    assert terminal.plain(shown) == shown
