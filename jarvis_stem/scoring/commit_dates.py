"""When files were committed, which says more than a clock: it is the same on every machine.

git is asked by its plumbing alone, in the folder above a contribution: a repository that somebody
put into a contribution has its own settings, which can name programs to run.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.git import git

EASTMOST = datetime.timezone(datetime.timedelta(hours=14))  # where a day begins first
# A folder of a contribution can look like a repository without being named .git.
_OUTSIDE = ("-c", "safe.bareRepository=explicit")


def committed_on(metadata: Path) -> datetime.date | None:
    """The last day, somewhere on earth, of the commit that made a contribution's file what it is.

    Args:
        metadata: ``<contributions>/<model>/metadata.json``.

    Returns:
        None if it is in no commit of HEAD's history, or was changed since.
    """
    contributions, path = metadata.parent.parent, f"./{metadata.parent.name}/{metadata.name}"
    try:
        committed = git(*_OUTSIDE, "rev-parse", "--verify", f"HEAD:{path}", cwd=contributions)
        here = git(*_OUTSIDE, "hash-object", "--no-filters", "--", path, cwd=contributions)
        if committed != here:
            return None
        listed = git(
            *(*_OUTSIDE, "rev-list", "-1", "--timestamp", "HEAD", "--", path), cwd=contributions
        )
    except StemError:
        return None
    return day_of(listed)


def newest_commit(folder: Path) -> datetime.date | None:
    """The day of HEAD's commit, as `committed_on` has it; None outside of a repository."""
    try:
        return day_of(git(*_OUTSIDE, "rev-list", "-1", "--timestamp", "HEAD", "--", cwd=folder))
    except StemError:
        return None


def day_of(listed: bytes) -> datetime.date | None:
    """Read the day of the one commit that ``git rev-list --timestamp`` lists."""
    second, *_ = listed.split() or (b"",)
    try:
        return datetime.datetime.fromtimestamp(int(second), EASTMOST).date()
    except (ValueError, OverflowError, OSError):  # none, or a time that no clock had
        return None
