"""Commands that are killed at any moment: what they leave is as before or as after, never between.

The moments are random and the same each time; the variable KILLS says how many there are in all.
Half of them are spread over the whole command, half over the time in which its results land.
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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Protocol

import forked_training
import psutil
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


class Running(Protocol):
    """A process that was started."""

    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float) -> int | None: ...


@dataclass
class Case:
    """A command, and what it may leave.

    Attributes:
        start: Starts it in a folder, with its messages going into a file.
        state: What counts of the folder, in any form that compares.
        sound: Raises if what a kill left is not whole.
        lands: Folder below it in which results are put; every second kill comes after the first of
            them has been begun.
    """

    start: Callable[[Path, Path], Running]
    state: Callable[[Path], object]
    sound: Callable[[Path], object] = lambda _: None
    lands: str = ""


class Command:
    """A program that was started in a folder, with its messages going into a file."""

    def __init__(
        self, arguments: list[str], folder: Path, errors: Path, env: dict[str, str]
    ) -> None:
        with errors.open("wb") as file:
            self._process = subprocess.Popen(
                arguments, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=file
            )
        self.poll, self.wait = self._process.poll, self._process.wait

    def kill(self) -> None:
        """Kill it alone; return once what it had started has ended by itself, as git does."""
        started = []
        if self.poll() is None:
            self._process.send_signal(signal.SIGSTOP)  # so that it starts no more
            with suppress(psutil.NoSuchProcess):
                started = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        psutil.wait_procs(started, timeout=PATIENCE)


def starter(*arguments: str, **variables: str) -> Callable[[Path, Path], Running]:
    """What starts Python with these arguments in a folder, with its messages going into a file."""
    env = {**os.environ, **environment(), **variables}
    return lambda folder, errors: Command([sys.executable, *arguments], folder, errors, env)


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}


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
    errors = folder.with_name("errors")
    shutil.copytree(before, folder, symlinks=True)
    old = case.state(folder)
    start = time.monotonic()
    whole = case.start(folder, errors)
    if case.lands:
        wait_until_it_lands(whole, folder / case.lands)
    landing = time.monotonic()
    ended_well(whole, errors)
    seconds, landing_seconds = time.monotonic() - start, time.monotonic() - landing
    new = case.state(folder)
    assert new != old
    counts = {"before": 0, "after": 0, "file by file": 0, "of them while it landed": 0}
    for n in range(kills):
        shutil.rmtree(folder)
        shutil.copytree(before, folder, symlinks=True)
        running = case.start(folder, errors)
        if case.lands and n % 2:
            wait_until_it_lands(running, folder / case.lands)
            time.sleep(moments.uniform(0, landing_seconds))
            counts["of them while it landed"] += running.poll() is None
        else:
            time.sleep(moments.uniform(0, seconds))
        running.kill()
        running.wait(timeout=PATIENCE)
        left = case.state(folder)
        case.sound(folder)
        if left in (old, new):
            counts["before" if left == old else "after"] += 1
        else:  # pages one by one, each of them whole
            assert isinstance(left, dict) and isinstance(old, dict) and isinstance(new, dict)
            for name, content in left.items():
                assert content in (old.get(name), new.get(name)), name
            counts["file by file"] += 1
        ended_well(case.start(folder, errors), errors)
        assert case.state(folder) == new
        assert leftovers(folder) == []
    return counts


def wait_until_it_lands(running: Running, folder: Path) -> None:
    """Return once a file is being written in a folder, or the process has ended."""
    while running.poll() is None and not leftovers(folder):
        time.sleep(0.0002)


def ended_well(running: Running, errors: Path) -> None:
    assert running.wait(timeout=PATIENCE) == 0, errors.read_text()


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
        starter("-m", f"jarvis_stem.{name}", *more),
        lambda folder: {
            f"{part}/{path}": content
            for part in ("docs", "site")
            for path, content in files_of(folder / part).items()
            if path != ".site.json"
        },
        lands="docs" if name == "score" else "site",
    )
    report(name, kill_often(case, project, tmp_path / "run", KILLS // 5, seed=1))


@pytest.fixture
def untrained(tmp_path: Path, tiny_benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a model that is to be trained, in processes that a prepared one forks."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    # Where the server that forks looks for modules: it does not get the path of this process.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")]))
    forked_training.prepare()
    root = tmp_path / "before"
    shutil.copytree(tiny_benchmarks, root / "benchmarks")
    folder = root / "contributions" / "m"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(TINY_MODEL)
    (folder / "run.sh").write_text("#!/usr/bin/env bash\necho trains\n")
    (folder / "run.sh").chmod(0o755)
    return root


TRAIN = ["m", "--benchmark", PROTO.dataset]


def of_two_runs(root: Path) -> list[str]:
    """What a check says of records and models of the contribution that do not fit together."""
    done = check(root / "contributions" / "m", root / "benchmarks")
    return [x for x in done.failures if "record of " in x or x.startswith(PROTO.model_name)]


def test_train(untrained: Path, tmp_path: Path) -> None:
    def sound(root: Path) -> None:
        assert of_two_runs(root) == []

    def state(root: Path) -> object:
        files = files_of(root / "contributions" / "m")
        record = json.loads(files.get(PROTO.run_record_name, b"{}"))
        kept = {name for name in files if name != "metadata.json" and "pycache" not in name}
        model = files.get(PROTO.model_name)
        return kept, record.get("model"), model, files.get(PROTO.predictions_name)

    case = Case(
        lambda folder, errors: forked_training.Training(folder, errors, TRAIN),
        state,
        sound,
        lands="contributions",
    )
    report("train", kill_often(case, untrained, tmp_path / "run", KILLS // 5, seed=2))


def test_train_between_two_renamings(untrained: Path, tmp_path: Path) -> None:
    """No file system renames several files at once: what is of two runs is named, and mended."""
    errors = tmp_path / "errors"
    ended_well(forked_training.Training(untrained, errors, TRAIN), errors)
    again = [*TRAIN, "--seed", "1"]
    for landed in range(5):
        root = tmp_path / f"after {landed}"
        shutil.copytree(untrained, root)
        killed = forked_training.Training(root, errors, again, landed)
        assert killed.wait(PATIENCE) == (0 if landed == 4 else -signal.SIGKILL)
        # The model comes first, then predictions and their record, metadata last.
        assert bool(of_two_runs(root)) == (landed in (1, 2)), landed
        ended_well(forked_training.Training(root, errors, again), errors)
        assert of_two_runs(root) == leftovers(root) == []


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
        starter("-c", FETCH, address, NO_PROXY="127.0.0.1"),
        lambda folder: files_of(folder / "store"),
        lands="store",
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

    folders = ["--contributions", "clone/contributions", "--benchmarks", "clone/benchmarks"]
    case = Case(starter("-m", "jarvis_stem.submit", "mine", *folders, **IDENTITY), state, sound)
    report("submit", kill_often(case, before, tmp_path / "run", KILLS // 5, seed=4))
