"""Addresses on GitHub, and pull requests opened with gh."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import NamedTuple
from urllib.parse import quote

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.git import without_credentials

_GITHUB = re.compile(
    r"(?:(?:https?|ssh|git)://)?(?:[^@/]+@)?(?:www\.|ssh\.)?github\.com(?::\d+/|[:/])/?"
    r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?(?:/tree/(?P<branch>.+?))?/?"
)


class Repository(NamedTuple):
    """A repository on GitHub, and the branch that pull requests to it are for."""

    owner: str
    name: str
    branch: str

    @classmethod
    def parse(cls, address: str) -> Repository | None:
        """Read an address as a browser or as git has it; None if it is not one of GitHub."""
        found = _GITHUB.fullmatch(address)
        return cls(found["owner"], found["name"], found["branch"] or "main") if found else None


class Fork(NamedTuple):
    """A branch of a fork, and the address it was pushed to."""

    address: str
    branch: str


class Opened(NamedTuple):
    """What has become of a pull request.

    Attributes:
        text: For a person.
        address: Its address, if it was opened.
        link: Where a person opens it, if it was not and there is such a page.
    """

    text: str
    address: str | None = None
    link: str | None = None


def open_pull_request(project_url: str, fork: Fork, title: str, body: str) -> Opened:
    """Open a pull request if that can be done here, and say what has become of it.

    Args:
        project_url: Web address of the repository that it is for.
        fork: What was pushed.
        title: Its title.
        body: Its text, in Markdown.
    """
    project, source = Repository.parse(project_url), Repository.parse(fork.address)
    if project is None or source is None:
        return Opened(f"open a pull request from {fork.branch} of {fork.address} to {project_url}")
    try:
        address = open_with_gh(project, source, fork.branch, title, body)
        return Opened(address, address=address)
    except StemError as error:
        link = compare_link(project, source, fork.branch)
        return Opened(f"{error}; open the pull request here:\n{link}", link=link)


def compare_link(project: Repository, fork: Repository, branch: str) -> str:
    """Address of the page that opens a pull request."""
    head = f"{fork.owner}:{quote(branch)}"
    return (
        f"https://github.com/{project.owner}/{project.name}/compare/"
        f"{quote(project.branch)}...{head}?expand=1"
    )


def open_with_gh(project: Repository, fork: Repository, branch: str, title: str, body: str) -> str:
    """Open a pull request with GitHub's ``gh``.

    Returns:
        What gh printed: the pull request's address.

    Raises:
        StemError: gh is missing or failed; in its own words.
    """
    program = shutil.which("gh")
    if program is None:
        raise StemError("gh is not installed")
    command = [program, "pr", "create", "--repo", f"{project.owner}/{project.name}"]
    command += ["--head", f"{fork.owner}:{branch}", "--base", project.branch]
    try:
        done = subprocess.run(
            [*command, "--title", title, "--body", body],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise StemError(f"gh: {error.strerror}") from None
    if done.returncode:
        words = without_credentials(done.stderr or done.stdout).strip()
        raise StemError(f"gh: {words or f'exit status {done.returncode}'}")
    return without_credentials(done.stdout).strip()


_HOST = r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_PATH = r"/*(?P<path>[\w~+-][\w./~+-]*)"
_REMOTES = (  # a name and a password before @ are left behind
    re.compile(rf"(?P<scheme>https?)://(?:[^/]*@)?(?P<host>{_HOST}(?::\d+)?)/{_PATH}"),
    re.compile(rf"(?:ssh|git)://(?:[^/]*@)?(?P<host>{_HOST})(?::\d+)?/{_PATH}"),
    re.compile(rf"(?:[^/:]*@)?(?P<host>{_HOST}):{_PATH}"),
)


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
