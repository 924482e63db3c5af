"""Commands that are killed at any moment: what they leave is as before or as after, never between.

The moments are random and the same each time; the variable KILLS says how many there are in all.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest
from helpers import (
    ALL_RIGHT,
    HALF_RIGHT,
    PATIENCE,
    PROTO,
    REPOSITORY,
    SMALL,
    THREE_RIGHT,
    TINY_MODEL,
    Figshare,
    add_benchmark,
    add_complete,
)

from jarvis_stem.scoring.checklist import check
from jarvis_stem.utils.files import json_text, zip_bytes
from jarvis_stem.utils.git import git

KILLS = int(os.environ.get("KILLS", "200"))
IDENTITY = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "name@example.org" for who in ("AUTHOR", "COMMITTER")},
}
pytestmark = pytest.mark.nightly


@dataclass
class Case:
    """A command, and what it may leave.

    Attributes:
        command: What is run in the folder.
        state: What counts of the folder, in any form that compares.
        sound: Raises if what a kill left is not whole.
        env: Variables.
    """

    command: list[str]
    state: Callable[[Path], object]
    sound: Callable[[Path], object] = lambda _: None
    env: dict[str, str] = field(default_factory=dict)

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", **self.env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, but those that the next run sweeps."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.endswith(".tmp") for part in path.parts)
    }


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*.tmp")]


def kill_often(case: Case, before: Path, folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill a command at random moments and say how often it left what.

    Args:
        case: The command.
        before: A folder as it is before; each run gets a copy.
        folder: Where the copies go.
        kills: How often.
        seed: Of the moments.
    """
    moments = random.Random(seed)
    shutil.copytree(before, folder, symlinks=True)
    old = case.state(folder)
    start = time.monotonic()
    whole = case.start(folder)
    ended_well(whole)
    seconds = time.monotonic() - start
    new = case.state(folder)
    assert new != old
    counts = {"before": 0, "after": 0, "file by file": 0}
    for _ in range(kills):
        shutil.rmtree(folder)
        shutil.copytree(before, folder, symlinks=True)
        running = case.start(folder)
        time.sleep(moments.uniform(0, seconds))
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=PATIENCE)
        left = case.state(folder)
        case.sound(folder)
        if left in (old, new):
            counts["before" if left == old else "after"] += 1
        else:  # pages one by one, each of them whole
            assert isinstance(left, dict) and isinstance(old, dict) and isinstance(new, dict)
            for name, content in left.items():
                assert content in (old.get(name), new.get(name)), name
            counts["file by file"] += 1
        again = case.start(folder)
        ended_well(again)
        assert case.state(folder) == new
        assert leftovers(folder) == []
    return counts


def ended_well(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors.decode()


def report(what: str, counts: dict[str, int]) -> None:
    sys.stderr.write(f"\n{what}: {counts}\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was scored, and has since got another contribution."""
    root = tmp_path / "before"
    add_benchmark(root / "benchmarks")
    add_complete(root / "contributions", "half", HALF_RIGHT)
    listed = [{"name": str(SMALL), "title": "x", "description": "", "references": []}]
    about = {"repository_url": "https://example.org/x", "benchmarks": listed}
    (root / "metadata.json").write_text(json_text(about))
    for command in ("score", "site"):
        more = ["--no-images"] if command == "site" else []
        subprocess.run(
            [sys.executable, "-m", f"jarvis_stem.{command}", *more],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            check=True,
            capture_output=True,
        )
    add_complete(root / "contributions", "right", ALL_RIGHT)
    return root


@pytest.mark.parametrize("name", ["score", "site"])
def test_pages(name: str, project: Path, tmp_path: Path) -> None:
    more = ["--no-images"] if name == "site" else []
    case = Case(
        [sys.executable, "-m", f"jarvis_stem.{name}", *more],
        lambda folder: {
            f"{part}/{path}": content
            for part in ("docs", "site")
            for path, content in files_of(folder / part).items()
            if path != ".site.json"
        },
    )
    report(name, kill_often(case, project, tmp_path / "run", KILLS // 5, seed=1))


def test_train(tmp_path: Path, tiny_benchmarks: Path) -> None:
    before = tmp_path / "before"
    shutil.copytree(tiny_benchmarks, before / "benchmarks")
    folder = before / "contributions" / "m"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(TINY_MODEL)
    (folder / "run.sh").write_text("#!/usr/bin/env bash\necho trains\n")
    (folder / "run.sh").chmod(0o755)
    command = [sys.executable, "-m", "jarvis_stem.train", "m", "--benchmark", PROTO.dataset]

    def sound(root: Path) -> None:
        done = check(root / "contributions" / "m", root / "benchmarks")
        failed = [line for line in done.lines if line.status == "fail"]
        assert not any("record" in line.check or "weights" in line.check for line in failed), failed
        assert not any("safetensors" in line.check for line in failed), failed

    def state(root: Path) -> object:
        files = files_of(root / "contributions" / "m")
        record = json.loads(files.get(PROTO.run_record_name, b"{}"))
        kept = {name for name in files if name != "metadata.json" and "pycache" not in name}
        return kept, record.get("weights"), files.get(PROTO.predictions_name)

    case = Case(command, state, sound)
    report("train", kill_often(case, before, tmp_path / "run", KILLS // 5, seed=2))


@pytest.fixture
def figshare() -> Iterator[Figshare]:
    with Figshare() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


FETCH = """
import sys
from jarvis.db import figshare
from jarvis_stem import data
known = figshare.get_db_info()
moved = {n: (f"{sys.argv[1]}/{i[1]}.zip", *i[1:]) for n, i in known.items()}
figshare.get_db_info = lambda: moved
sys.exit(data.main(["fetch", "--refresh", "--data", "store"]))
"""


def test_fetch(tmp_path: Path, figshare: Figshare) -> None:
    from jarvis.db.figshare import get_db_info

    store = tmp_path / "before" / "store"
    store.mkdir(parents=True)
    for name, key in (("dft_2d", "jid"), ("c2db", "id"), ("twod_matpd", "material_id")):
        member = get_db_info()[name][1]
        for folder in ("old", "new"):
            rows = [{key: f"{folder}-{n}", "atoms": {}} for n in range(20_000)]
            content = zip_bytes(member, json.dumps(rows).encode())
            if folder == "old":
                (store / f"{member}.zip").write_bytes(content)
            figshare.files[f"/{member}.zip"] = content
    address = f"http://127.0.0.1:{figshare.server_port}"
    case = Case(
        [sys.executable, "-c", FETCH, address],
        lambda folder: files_of(folder / "store"),
        env={"NO_PROXY": "127.0.0.1"},
    )
    report("fetch", kill_often(case, store.parent, tmp_path / "run", KILLS // 5, seed=3))


def test_submit(tmp_path: Path) -> None:
    before = tmp_path / "before"
    clone, fork = before / "clone", before / "fork.git"
    add_benchmark(clone / "benchmarks")
    add_complete(clone / "contributions", "right", ALL_RIGHT)
    about = {"repository_url": "https://example.org/x", "benchmarks": []}
    (clone / "metadata.json").write_text(json_text(about))
    for step in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["commit", "--quiet", "--message=x"],
        ["clone", "--quiet", "--bare", ".", str(fork)],
        ["remote", "add", "origin", "../fork.git"],
        ["fetch", "--quiet", "origin"],
    ):
        git(*step, cwd=clone, env=IDENTITY)
    add_complete(clone / "contributions", "mine", THREE_RIGHT)

    def state(root: Path) -> object:
        try:
            branch = "refs/heads/contribution/mine:contributions/mine"
            sent = git("ls-tree", "-r", "--name-only", branch, cwd=root / "fork.git").split()
        except Exception:  # not there yet
            sent = []
        return sent, files_of(root / "clone" / "contributions")

    def sound(root: Path) -> None:
        git("fsck", "--connectivity-only", cwd=root / "fork.git")
        status = git("status", "--porcelain", cwd=root / "clone").decode()
        assert status == "?? contributions/mine/\n"
        # As a person would who does not know how far it came.
        for where in ("clone", "fork.git"):
            git("update-ref", "-d", "refs/heads/contribution/mine", cwd=root / where)

    command = [sys.executable, "-m", "jarvis_stem.submit", "mine"]
    case = Case(
        [*command, "--contributions", "clone/contributions", "--benchmarks", "clone/benchmarks"],
        state,
        sound,
        env=IDENTITY,
    )
    report("submit", kill_often(case, before, tmp_path / "run", KILLS // 5, seed=4))
