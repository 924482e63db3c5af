"""Start a contribution: a folder that trains at once, to be made into your own."""

from __future__ import annotations

import datetime
import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from jarvis_stem import cli
from jarvis_stem.contribution import check_folder_name
from jarvis_stem.errors import StemError
from jarvis_stem.files import json_text, read_json_object, write_text
from jarvis_stem.git import git
from jarvis_stem.leaderboard import BASELINE
from jarvis_stem.metadata import METADATA, REQUIRED_TEXT, blank, parse_metadata

_EPILOG = """\
written to contributions/NAME, all of it or nothing:
  model.py       a small convolutional network and the recipe of its training
  run.sh         trains it; arguments go to jarvis_stem.train
  metadata.json  what describes it, filled in as far as git knows name, e-mail and origin
  README.md      what to fill in and how to go on

exit status:
  0    written
  1    the name cannot be used or is taken, or the folder cannot be written
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem new my_model
  bash contributions/my_model/run.sh --benchmark stem_2d_proto
"""

_TEMPLATES = ("README.md", "model.py", "run.sh")
_CONTRIBUTIONS = Path("contributions")
_HOST = r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_PATH = r"/*(?P<path>[\w~+-][\w./~+-]*)"
_REMOTES = (  # a name and a password before @ are left behind
    re.compile(rf"(?P<scheme>https?)://(?:[^/]*@)?(?P<host>{_HOST}(?::\d+)?)/{_PATH}"),
    re.compile(rf"(?:ssh|git)://(?:[^/]*@)?(?P<host>{_HOST})(?::\d+)?/{_PATH}"),
    re.compile(rf"(?:[^/:]*@)?(?P<host>{_HOST}):{_PATH}"),
)


@click.command(cls=cli.Command, name="new", epilog=_EPILOG)
@click.argument("name", metavar="NAME")
@cli.folder_option("contributions", "Folder to write it to.", _CONTRIBUTIONS)
@cli.quiet_option
def main(name: str, contributions: Path) -> int:
    """Start a contribution: a folder that trains at once.

    NAME is that of the contribution and of its folder, to be made into your own.
    """
    folder = create(name, contributions)
    if not cli.is_quiet():
        print(_next_steps(folder, contributions))
    return 0


def create(name: str, contributions: Path) -> Path:
    """Write the folder of a new contribution, whole or not at all.

    Args:
        name: Its name.
        contributions: Folder of contribution folders.

    Returns:
        The new folder.

    Raises:
        StemError: The name cannot be used or is taken, or there is no folder of contributions.
        OSError: The folder cannot be written.
    """
    if not contributions.is_dir():
        raise StemError(
            f"{contributions}: no such folder of contributions; run this in the repository's top "
            "folder, or name another with --contributions"
        )
    _check_name(name, contributions)
    texts = {file: _render(file, name) for file in _TEMPLATES}
    texts[METADATA] = json_text(_metadata(name, contributions))
    folder = contributions / name
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=contributions) as temporary:
        draft = Path(temporary, name)
        for file, text in texts.items():
            write_text(draft / file, text)
        (draft / "run.sh").chmod(0o755)
        draft.rename(folder)
    return folder


def web_address_of(remote: str) -> str:
    """The web address of a git remote.

    Args:
        remote: For example ``git@github.com:me/fork.git`` or ``https://me:token@host.org/fork``.

    Returns:
        An http or https address without user name, password, query and ``.git``; empty for a
        folder on disk and for whatever else has no such address.
    """
    found = next((match for form in _REMOTES if (match := form.fullmatch(remote))), None)
    if not found:
        return ""
    parts = found.groupdict()
    path = parts["path"].rstrip("/").removesuffix(".git")
    return f"{parts.get('scheme', 'https')}://{parts['host']}/{path}"


def _check_name(name: str, contributions: Path) -> None:
    if Path(name).name != name or check_folder_name(Path(name)) or not name[0].isalnum():
        raise StemError(
            f"{name!r}: expected a name of letters, digits, '_', '.', '+', '-' that starts with a "
            "letter or digit, for example my_model"
        )
    if re.sub(r"[^a-z0-9]+", " ", name.lower()) == BASELINE:
        raise StemError(f"{name!r}: the leaderboard has a baseline of that name; take another")
    for other in contributions.iterdir():
        if other.name.casefold() == name.casefold():  # one file to some file systems
            raise StemError(f"{other}: is there already; take another name, or move it away")


def _render(file: str, name: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("jarvis_stem", "template"),
        autoescape=select_autoescape(),  # none of the files is HTML
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{file}.j2").render(name=name)


def _metadata(name: str, contributions: Path) -> dict[str, Any]:
    """JARVIS' keys, filled in as far as git and the calendar know."""
    address = web_address_of(_ask_git("remote", "get-url", "origin", cwd=contributions))
    known = {
        "model_name": name,
        "project_url": address,
        "date_submitted": f"{datetime.date.today():%m-%d-%Y}",
        "author_email": _ask_git("config", "user.email", cwd=contributions),
        "team_name": _ask_git("config", "user.name", cwd=contributions),
        "git_url": [address] if address else [],
    }
    # What the scorer would refuse, such as the address me@localhost, is as good as unknown.
    return blank() | {
        key: value for key, value in known.items() if parse_metadata({**blank(), key: value})[0]
    }


def _ask_git(*arguments: str, cwd: Path) -> str:
    """What git answers; empty where it does not know or is not installed."""
    try:
        return git(*arguments, cwd=cwd).decode(errors="replace").strip()
    except StemError:
        return ""


def _next_steps(folder: Path, contributions: Path) -> str:
    metadata = read_json_object(folder / METADATA)
    empty = [key for key in REQUIRED_TEXT if not metadata[key]]
    where = shlex.quote(str(folder))
    elsewhere = ""  # run.sh and submit look in contributions/
    if contributions != _CONTRIBUTIONS:
        elsewhere = f" --contributions {shlex.quote(str(contributions.resolve()))}"
    return "\n".join(
        [
            f"wrote {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}",
            *([f"fill in {folder / METADATA}: {', '.join(empty)}"] if empty else []),
            "next:",
            f"  bash {where}/run.sh --benchmark stem_2d_proto{elsewhere}",
            f"  jarvis-stem check {where}",
            f"  jarvis-stem submit {folder.name} --dry-run{elsewhere}",
        ]
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
