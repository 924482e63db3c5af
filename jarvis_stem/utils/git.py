"""git as a child process: never through a shell, never showing a credential."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from jarvis_stem.utils.errors import StemError

_USER_INFO = re.compile(r"(?<=://)[^/\s]+@")  # user:password@ in an address


def git(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    accept: Collection[int] = (0,),
) -> bytes:
    """Run git and return what it printed.

    Prompts for a password or a passphrase stay between git and the terminal.

    Args:
        arguments: Those of git.
        cwd: Folder to run it in.
        env: Variables to set beside the process' own.
        stdin: What git reads, nothing if None.
        accept: Exit statuses that are no failure.

    Returns:
        Its standard output.

    Raises:
        StemError: git is missing or failed; the message has its own words, addresses without
            user name and password.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C", **(env or {})},
            input=b"" if stdin is None else stdin,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise StemError("git: not found on the PATH; install it first") from None
    if done.returncode not in accept:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()
        command = without_credentials(" ".join(arguments[:4]))
        raise StemError(f"git {command}: {without_credentials(words) or 'failed without a word'}")
    return done.stdout


def without_credentials(text: str) -> str:
    """The same text with ``user:password@`` taken out of every address in it."""
    return _USER_INFO.sub("", text)
