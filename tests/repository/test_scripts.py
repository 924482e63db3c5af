"""The repository's scripts and what they must not touch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPTS = ["run.sh", "setup.sh", "tests/run.sh", ".ci/run", ".github/judge.sh"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_valid_bash(script: str, repository: Path) -> None:
    subprocess.run(["bash", "-n", str(repository / script)], check=True)


def test_no_tracked_file_names_a_place_of_one_machine(repository: Path) -> None:
    listed = subprocess.run(
        ["git", "grep", "-nIE", "/(home|root|Users)/[a-z]", "--", ".", ":!tests"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.stdout == ""
