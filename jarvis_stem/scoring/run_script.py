"""A contribution's run.sh: what is wrong with it, without running it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import count, quote, some

RUN_SCRIPT = "run.sh"
_SCRIPT_LIMIT = 2**20  # bytes
_STANDARD = "bin|dev|etc|proc|sbin|sys|tmp|usr"  # folders that are on every Unix machine
_MACHINE_PATH = re.compile(
    rf"""(?<![\w.$/~)}}\]-])(?<![\w)}}\]@]["'`])  # nor does "$x"/y begin with its slash
    (/(?!(?:{_STANDARD})(?![\w.-]))[A-Za-z0-9_][\w.-]*[\w./-]*  # /scratch/me
    |~[\w.-]*/[\w./-]*  # ~/data
    |[A-Za-z]:[\\/](?!/)[\w.\\/-]*)  # C:\data""",
    re.VERBOSE,
)


def read_script(path: Path) -> bytes:
    """Read a run.sh.

    Raises:
        StemError: Missing, not a plain file, too large, or unreadable.
    """
    if path.is_symlink() or not path.is_file():
        what = "none; add it" if not path.exists() else "something else; put a plain file there"
        raise StemError(f"expected a file {RUN_SCRIPT} that makes the predictions anew, got {what}")
    if (size := path.stat().st_size) > _SCRIPT_LIMIT:
        raise StemError(
            f"{size} bytes are more than the {_SCRIPT_LIMIT} that are read; move data out of it"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise StemError(f"cannot be read ({error.strerror}); chmod u+r {RUN_SCRIPT}") from None


def executable_problems(path: Path) -> list[str]:
    """Say whether a script may not be executed by its owner."""
    mode = path.stat().st_mode
    if mode & 0o100:
        return []
    return [f"mode {mode & 0o777:o}: expected it executable; chmod +x {RUN_SCRIPT}"]


def syntax_problems(content: bytes) -> list[str]:
    """What ``bash -n`` says, which reads a script and runs none of it."""
    if b"\r\n" in content:
        return ["line endings are CRLF, which bash cannot run; save it with LF"]
    if b"\0" in content:
        return [f"a NUL at byte {content.index(0)}; expected a text file"]
    if not (bash := shutil.which("bash")):
        return []
    try:
        done = subprocess.run(
            ["bash", "-n"],
            executable=bash,  # messages begin with the name alone
            input=content,
            env={},
            capture_output=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ["bash -n did not come to an end in a minute; make it simpler"]
    if not done.returncode:
        return []
    words = done.stderr.decode(errors="replace").splitlines()
    # Text nested too deep makes bash crash without a word.
    return [quote(line.removeprefix("bash: "))[1:-1] for line in words] or [
        f"bash -n ended with status {done.returncode}; make it simpler"
    ]


def path_problems(content: bytes) -> list[str]:
    """Name the paths in a script that only one machine has."""
    text = content.decode(errors="replace")
    found = [
        f"line {number}: {quote(match[1])}"
        for number, line in enumerate(text.splitlines(), 1)
        for match in _MACHINE_PATH.finditer(line)
    ]
    if not found:
        return []
    return [
        f"{count(found, 'path')} of one machine: {some(found)}; make it relative or an argument"
    ]
