"""Lines for a person, coloured on a terminal, and whether --quiet leaves them out."""

from __future__ import annotations

import os
import re

import click

# Control characters, and those that turn text round, but for line feeds and tabs,
_OBEYED = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
# and but for colours.
_NO_COLOUR = re.compile(rf"\x1b(?!\[[0-9;]*m)|(?!\x1b){_OBEYED.pattern}")
QUIET = f"{__name__}.quiet"  # in a context's meta, which ends with the command


def is_quiet() -> bool:
    """Whether the command that runs was given --quiet."""
    return is_set(QUIET)


def be_quiet() -> None:
    """Have the command that runs be as if it were given --quiet."""
    if context := click.get_current_context(silent=True):
        context.meta[QUIET] = True


def is_set(key: str) -> bool:
    """Whether a flag is set in the context of the command that runs."""
    context = click.get_current_context(silent=True)
    return context is not None and context.meta.get(key, False)


def note(text: str) -> None:
    """Say on stderr what is to be known beside the result; not with --quiet."""
    if not is_quiet():
        echo(text, to_stderr=True)


class Coloured(str):
    """Text whose colours are this program's own: those of others were made `plain`."""


def plain(text: str) -> str:
    """The text with all escaped that a terminal would obey, colours too."""
    return _OBEYED.sub(_escaped, text)


def echo(text: str, *, to_stderr: bool = False) -> None:
    """Print a line, colours on a terminal only, and not where NO_COLOR is set.

    What else a terminal would obey is escaped: names of files, ids and elements are strangers'.
    """
    text = _NO_COLOUR.sub(_escaped, text) if isinstance(text, Coloured) else plain(text)
    click.echo(text, err=to_stderr, color=False if os.environ.get("NO_COLOR") else None)


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
