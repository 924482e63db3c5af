"""Every message of the code: an option that it names is one that a command has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module

import click
from helpers import REPOSITORY

from jarvis_stem import reference
from jarvis_stem.__main__ import COMMANDS

OPTION = re.compile(r"(?<![\w!-])--[a-z][a-z-]*")
OF_A_COMMAND = re.compile(rf"jarvis-stem ({'|'.join(COMMANDS)})\b(?: [\w./…-]+)*? (--[a-z-]+)")
# Options of other programs, in the sentence that names the program.
OTHERS = {
    "--format": "git",
    "--nproc-per-node": "torchrun",
    "--site-dir": "mkdocs",
    "--standalone": "torchrun",
    "--strict": "mkdocs",
    "--timestamp": "git",
}
CSS = {"--rows", "--share", "--height"}  # custom properties


def options(command: click.Command) -> set[str]:
    own = {name for parameter in command.params for name in parameter.opts}
    if isinstance(command, click.Group):
        own = own.union(*map(options, command.commands.values()))
    return own | {"--help"}


def texts() -> Iterator[tuple[str, str]]:
    """Prose in the code: string literals with a space, and the templates; each with its place."""
    for path in sorted((REPOSITORY / "jarvis_stem").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else "X" for p in node.values]
                text = "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            if " " in text.strip():
                yield f"{path.relative_to(REPOSITORY)}:{node.lineno}", text
    for path in sorted((REPOSITORY / "jarvis_stem").rglob("*.j2")):
        yield str(path.relative_to(REPOSITORY)), path.read_text(encoding="utf-8")


def test_every_option_that_a_message_names_exists() -> None:
    by_command = {name: options(import_module(f"jarvis_stem.{name}").main) for name in COMMANDS}
    known = {"--version"}.union(options(reference.main), *by_command.values())
    named = [(place, option) for place, text in texts() for option in OPTION.findall(text)]
    assert len(named) > 100
    unknown = [
        (place, option)
        for place, option in named
        if option not in known and option not in OTHERS and option not in CSS
    ]
    assert unknown == []
    wrong = [
        (place, command, option)
        for place, text in texts()
        for line in text.splitlines()
        for command, option in OF_A_COMMAND.findall(line)
        if option not in by_command[command] and option not in OTHERS
    ]
    assert wrong == []
