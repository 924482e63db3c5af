"""What reaches a terminal: text and colours, nothing else that it would obey."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis_stem import cli
from jarvis_stem.utils import terminal

OBEYED = [
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
    terminal.echo(text)
    assert shown == [text]


@given(st.text())
def test_any_text_is_harmless(text: str) -> None:
    shown = terminal._NO_COLOUR.sub(lambda found: ascii(found[0])[1:-1], text)
    assert terminal._NO_COLOUR.search(shown) is None
