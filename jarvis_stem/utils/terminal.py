"""Lines for a person, coloured on a terminal, and whether --quiet leaves them out."""

from __future__ import annotations

import os
import re

import click

# Control characters, and those that turn text round, but for line feeds, tabs and click's colours.
_NO_COLOUR = re.compile(
    r"\x1b(?!\[(?:0|1|[349][0-7])m)|[\0-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
)
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


def echo(text: str, *, to_stderr: bool = False) -> None:
    """Print a line, its colours on a terminal only, and not where NO_COLOR is set.

    What else a terminal would obey is escaped: names of files, ids and elements are strangers'.
    """
    text = _NO_COLOUR.sub(lambda found: ascii(found[0])[1:-1], text)
    click.echo(text, err=to_stderr, color=False if os.environ.get("NO_COLOR") else None)
