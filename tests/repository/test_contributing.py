"""Every command of CONTRIBUTING.md up to a pull request, run as a newcomer would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import PATIENCE, PROTO, REPOSITORY

from jarvis_stem.formats.manifest import MANIFEST
from jarvis_stem.formats.names import BENCHMARK_SUFFIX

BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = "## Changing the code"


def commands() -> list[list[str]]:
    """Commands of each block that a contributor runs."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [block.splitlines() for block in BLOCK.findall(text.split(CODE)[0])]


def run(command: str, cwd: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def newcomer(tmp_path: Path, tiny_benchmarks: Path) -> dict[str, str]:
    """The environment of a person with a fork, who reaches it under its web address.

    The fork's built-in benchmark is a tiny one, to train on in seconds.
    """
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    source, fork = tmp_path / "source", tmp_path / "you" / "jarvis_stem.git"
    for name in {os.fsdecode(name) for name in files if name}:
        if (REPOSITORY / name).exists() and PROTO.dataset not in Path(name).name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
            (source / name).chmod((REPOSITORY / name).stat().st_mode)
    benchmark = PROTO.page_path(BENCHMARK_SUFFIX)
    shutil.copy(tiny_benchmarks / benchmark, source / "benchmarks" / benchmark)
    (source / "benchmarks" / MANIFEST).unlink()
    ssh = tmp_path / "ssh"  # takes "git@github.com" and a command on a folder of that machine
    ssh.write_text(f'#!/bin/sh\ncd {tmp_path} && eval "$2"\n', encoding="utf-8")
    ssh.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\n\tname = New Comer\n\temail = new@comer.example\n"
        f"[init]\n\tdefaultBranch = main\n[core]\n\tsshCommand = {ssh}\n",
        encoding="utf-8",
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_SSH_VARIANT": "simple",
        "OMP_NUM_THREADS": "1",
    }
    history = f"git init -q && git add -A && git commit -qm base && git clone -q --bare . {fork}"
    run(history, source, environment)
    return environment


def prepare(clone: Path) -> None:
    """Lend the clone this environment; installing it is what the README's two commands test."""
    (clone / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if not path.name.startswith(("installed", "compiled")):
            (clone / ".venv" / path.name).symlink_to(path)
    for module in (REPOSITORY / "jarvis_stem" / "imaging").glob("_kernels.*.so"):
        shutil.copy(module, clone / "jarvis_stem" / "imaging")
    program = "source ./setup.sh; versions >.venv/installed; kernels >.venv/compiled"
    subprocess.run(["bash", "-c", program], cwd=clone, check=True)


@pytest.mark.training
@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="no virtual environment to lend")
def test_from_clone_to_pull_request(tmp_path: Path, newcomer: dict[str, str]) -> None:
    (get, enter, *setup), start, look, send = commands()
    run(get, tmp_path, newcomer)
    clone = tmp_path / enter.removeprefix("cd ")
    prepare(clone)
    newcomer["PYTHONPATH"] = str(clone)  # what is installed here is another checkout
    activated = " && ".join(setup)
    outputs = [
        run(f"{activated} && {command}", clone, newcomer) for command in [*start, *look, *send]
    ]
    assert "my_model" in outputs[-1]
    pushed = run(
        f"git -C {tmp_path}/you/jarvis_stem.git diff --name-only main contribution/my_model",
        clone,
        newcomer,
    )
    assert pushed
    assert all(name.startswith("contributions/my_model/") for name in pushed.splitlines())
