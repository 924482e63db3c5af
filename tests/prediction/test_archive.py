"""Answers in a folder of Parquet files: the same by whoever, whole whatever is killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest
from forking import Forking
from helpers import PATIENCE, REPOSITORY
from jarvis.db import figshare
from PIL import Image

from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.predict import main
from jarvis_stem.prediction.inputs import Input
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes, zip_bytes

duckdb = pytest.importorskip("duckdb", reason="the extra test is not installed")
distributed = pytest.importorskip("distributed", reason="the extra scale is not installed")
pa = pytest.importorskip("pyarrow", reason="the extra scale is not installed")
import pandas as pd  # noqa: E402
import polars  # noqa: E402
import psutil  # noqa: E402
import pyarrow.dataset as ds  # noqa: E402
from distributed import LocalCluster  # noqa: E402

from jarvis_stem.prediction.workers import WorkersDiedError, answer_all  # noqa: E402

FRAMES = 60
HERE = "127.0.0.1:0"
QUICK = ("--pixel-size", "0.2", "--distortion", "0")  # the network alone, on clean drawings
KILLS = int(os.environ.get("KILLS", "50"))


@pytest.fixture(scope="module")
def images() -> Any:
    atoms = list(prototypes.structures().values())[: FRAMES * 5 : 5]
    return stem.to_uint8(stem.simulate(atoms))


@pytest.fixture(scope="module")
def work(images: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a movie."""
    folder = tmp_path_factory.mktemp("work")
    np.save(folder / "movie.npy", images)
    return folder


def arguments(output: str, *more: str) -> list[str]:
    return ["movie.npy", "--frame", "all", *QUICK, "--output", output, *more]


@pytest.fixture(scope="module")
def whole(work: Path) -> dict[str, bytes]:
    """The answers for the movie as one undisturbed command writes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        assert main(arguments("whole", "--quiet")) == 0
    return parts(work / "whole")


@pytest.fixture(autouse=True)
def there(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def start(*typed: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "jarvis_stem", "predict", *typed],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(there: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def until_parts(folder: str, process: subprocess.Popen[Any], least: int = 1) -> None:
    until(lambda: len(list(Path(folder).glob("part-*"))) >= least, process)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def read(folder: str) -> pd.DataFrame:
    return pd.read_parquet(folder)


def test_who_reads_it_reads_the_answers_in_order(
    whole: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(whole) == 4
    main(["movie.npy", "--frame", "all", *QUICK, "--csv", "plain.csv", "--quiet"])
    plain = pd.read_csv("plain.csv")
    assert plain["input"].tolist() == [f"movie.npy: frame {n + 1}" for n in range(FRAMES)]
    found = read("whole")
    assert found.columns.tolist() == plain.columns.tolist()
    assert set(found.pop("reasons")) == {""}
    assert plain.pop("reasons").isna().all()
    pd.testing.assert_frame_equal(found, plain, check_dtype=False)
    table = ds.dataset("whole").to_table()
    assert [str(found.dtypes[one]) for one in ("a_angstrom", "a_px")] == ["float64"] * 2
    assert table["input"].to_pylist() == plain["input"].tolist()
    assert (
        polars.read_parquet("whole/*.parquet")["a_angstrom"].to_list()
        == plain["a_angstrom"].tolist()
    )
    rows = duckdb.sql("select input from 'whole/*.parquet'").fetchall()
    assert [one for (one,) in rows] == plain["input"].tolist()
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in Path("whole").iterdir()}
    assert main(arguments("whole", "--json")) == 0  # nothing is left to do
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rows"], summary["errors"]) == (FRAMES, 0)
    assert summary["classes"] == plain["class_name"].value_counts().to_dict()
    assert {path: path.stat().st_mtime_ns for path in Path("whole").iterdir()} == before


def test_two_workers_and_one_that_is_killed(whole: dict[str, bytes]) -> None:
    running = start(*arguments("by_two", "--workers", "2"))
    children = psutil.Process(running.pid).children
    until(lambda: sum("spawn_main" in " ".join(one.cmdline()) for one in children()) == 2, running)
    until_parts("by_two", running)
    first = next(one for one in children() if "spawn_main" in " ".join(one.cmdline()))
    first.kill()
    status, out, err = ended(running)
    assert (status, err) == (0, "")
    assert out.startswith("by_two: 60 answers (")
    assert parts(Path("by_two")) == whole


@pytest.mark.parametrize(
    ("how", "workers"),
    [(signal.SIGINT, ()), (signal.SIGKILL, ()), (signal.SIGINT, ("--workers", "2"))],
)
def test_the_same_command_goes_on(
    how: signal.Signals, workers: Sequence[str], whole: dict[str, bytes]
) -> None:
    name = f"stopped_{how.name}_{len(workers)}"
    running = start(*arguments(name, *workers))
    until_parts(name, running)
    os.killpg(running.pid, how)
    status, out, err = ended(running)
    left = parts(Path(name))
    assert left.items() <= whole.items()
    assert 1 <= len(left) < 4
    if how == signal.SIGINT:
        assert (status, out) == (130, "")
        assert (
            err
            == f"interrupted; {name}: {len(left)} of 4 parts are there; the same command goes on\n"
        )
    before = {one: (Path(name) / one).stat().st_mtime_ns for one in left}
    assert main(arguments(name, "--quiet")) == 0
    assert parts(Path(name)) == whole
    assert {one: (Path(name) / one).stat().st_mtime_ns for one in left} == before
    assert sorted(path.name for path in Path(name).iterdir()) == ["_manifest.json", *whole]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler and a worker, threads of this process."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=HERE
    ) as one:
        yield one


def test_the_workers_of_a_scheduler(cluster: LocalCluster, whole: dict[str, bytes]) -> None:
    assert main(arguments("scheduled", "--scheduler", cluster.scheduler_address, "--quiet")) == 0
    assert parts(Path("scheduled")) == whole


def dask(
    *typed: str, path: Path = REPOSITORY, before: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*before, sys.executable, "-m", "dask", *typed],
        env={**os.environ, "PYTHONPATH": f"{path}:{REPOSITORY}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_worker_of_another_version_is_named(tmp_path: Path) -> None:
    old = tmp_path / "jarvis_stem-0.0.9.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: jarvis-stem\nVersion: 0.0.9\n")
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp", dashboard_address=HERE
    ) as alone:
        worker = dask(
            "worker", alone.scheduler_address, "--no-nanny", "--no-dashboard", path=tmp_path
        )
        try:
            until(lambda: len(alone.scheduler.workers) == 1, worker)
            with pytest.raises(
                StemError, match=r"worker tcp://\S+: has jarvis-stem 0\.0\.9, this "
            ):
                main(arguments("other_version", "--scheduler", alone.scheduler_address))
        finally:
            worker.kill()
            worker.wait()
    assert parts(Path("other_version")) == {}


@pytest.mark.skipif(not shutil.which("prlimit"), reason="no prlimit here")
def test_a_worker_without_room_on_its_disk(whole: dict[str, bytes], tmp_path: Path) -> None:
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp", dashboard_address=HERE
    ) as alone:
        worker = dask(
            *("worker", alone.scheduler_address, "--no-nanny", "--no-dashboard"),
            *("--nthreads", "1", "--local-directory", str(tmp_path)),
            before=("prlimit", "--fsize=0"),
        )
        try:
            until(lambda: len(alone.scheduler.workers) == 1, worker)
            assert main(arguments("roomless", "--scheduler", alone.scheduler_address)) == 0
        finally:
            worker.kill()
            worker.wait()
    assert parts(Path("roomless")) == whole


def test_a_scheduler_that_goes(whole: dict[str, bytes], tmp_path: Path) -> None:
    at = tmp_path / "scheduler.json"
    scheduler = dask("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(at))
    until(at.exists, scheduler)
    worker = dask(
        "worker", "--scheduler-file", str(at), "--no-nanny", "--nthreads", "1", "--no-dashboard"
    )
    address = json.loads(at.read_text())["address"]
    running = start(*arguments("lost", "--scheduler", address))
    try:
        until_parts("lost", running)
        scheduler.kill()
        status, _, err = ended(running)
    finally:
        for one in (scheduler, worker):
            one.kill()
            one.wait()
    assert status == 1
    *notes, last = err.splitlines()
    assert all("has no workers yet" in note for note in notes)  # if it was the first to be there
    assert "the scheduler is gone; what is done stays, and the same command" in last
    assert parts(Path("lost")).items() <= whole.items()
    assert main(arguments("lost", "--quiet")) == 0
    assert parts(Path("lost")) == whole


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    from jarvis_stem.prediction import cluster

    monkeypatch.setattr(cluster, "_PATIENCE", 0.2)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(StemError, match=f"{address}: no such scheduler"):
            main(arguments("nobody", "--scheduler", address))


class Failing:
    """A client whose workers die so many times as they begin, and as they end."""

    status = "running"
    scheduler = None

    def __init__(self, deaths: int) -> None:
        self.left = deaths

    def get_executor(self, pure: bool) -> Any:
        return SimpleNamespace(shutdown=lambda wait: None)

    def nthreads(self) -> dict[str, int]:
        return {}

    def register_plugin(self, plugin: object, name: str) -> None:
        self.left -= 1
        if self.left >= 0:
            raise OSError("Stream is closed")

    def unregister_worker_plugin(self, name: str) -> None:
        raise OSError("Stream is closed")


def test_workers_that_die_as_the_command_begins_and_ends() -> None:
    from jarvis_stem.prediction.cluster import DaskWorkers

    nothing: Any = None
    few: Any = Failing(2)
    DaskWorkers(few, nothing).close()
    assert few.left == -1
    many: Any = Failing(3)
    with pytest.raises(StemError, match="its workers die before they have begun"):
        DaskWorkers(many, nothing)


def test_what_cannot_be_read_is_a_row(images: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("mixed")
    folder.mkdir()
    Image.fromarray(images[0]).save(folder / "a.png")
    (folder / "b.png").touch()
    np.save(folder / "c.npy", images[:4])
    cut = (folder / "c.npy").read_bytes()[:-100]
    (folder / "c.npy").write_bytes(cut)
    (folder / "d.cif").write_text("no structure")
    typed = [
        "mixed/*",
        "proto-1H-MoS2",
        "nothing",
        "--frame",
        "all",
        "--benchmark",
        "stem_2d_proto",
    ]
    assert main([*typed, *QUICK, "--output", "mixed_answers"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("mixed_answers: 5 answers (")
    found = read("mixed_answers")
    frames = [f"mixed/c.npy: frame {n}" for n in (1, 2, 3, 4)]
    assert found["input"].tolist() == [
        *("mixed/a.png", "mixed/b.png", *frames, "mixed/d.cif", "proto-1H-MoS2", "nothing")
    ]
    assert found["error"].isna().tolist() == [True, False, *[True] * 3, False, False, True, False]
    assert "the file ends before frame 4 does" in found["error"][5]
    assert err.splitlines()[0].startswith("error: mixed/b.png: ")
    assert err.splitlines()[-1] == "error: mixed_answers: 1 more errors; its column error has all"


def test_each_of_many_empty_files_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"empty/{n:04}.png" for n in range(4000)]
    Path("empty").mkdir()
    for name in names:
        Path(name).touch()
    assert main(["empty", "--output", "errors"]) == 1
    out, err = capsys.readouterr()
    assert out == "errors: 0 answers, 4,000 errors\n"
    assert len(err.splitlines()) == 4
    found = read("errors")
    assert found["input"].tolist() == names
    assert found["class"].isna().all()
    assert found["error"].tolist() == [
        f"{name}: not a readable image (an empty file); save or copy it again" for name in names
    ]


def test_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    member = figshare.get_db_info()["c2db"][1]
    atoms = prototypes.structures()["proto-graphene-C.jpg"].to_dict()
    rows = [{"id": "z", "atoms": atoms}, {"id": "bad", "atoms": {**atoms, "coords": []}}]
    write_bytes(tmp_path / f"{member}.zip", zip_bytes(member, json.dumps(rows).encode()))
    typed = ["--database", "c2db", "--data", str(tmp_path)]
    assert main([*typed, "--output", "database", "--quiet"]) == 1
    found = read("database")
    assert found["input"].tolist() == ["z", "bad"]
    assert found["formula"].tolist()[0] == "C2"
    assert main([*typed, "--json"]) == 1
    answers = json.loads(capsys.readouterr().out)
    assert [one["class_name"] for one in answers] == ["hexagonal", None]
    with pytest.raises(StemError, match=r"no such file; jarvis-stem data fetch gets it"):
        main(["--database", "dft_2d", "--data", str(tmp_path), "--output", "none"])
    with pytest.raises(
        StemError, match="c3db: no such database; expected dft_2d, c2db, twod_matpd"
    ):
        main(["--database", "c3db"])


def test_other_answers_are_not_mixed_in(images: Any, whole: dict[str, bytes]) -> None:
    with pytest.raises(
        StemError, match=r"whole: was begun by another command \(command, distortion"
    ):
        main([*arguments("whole"), "--distortion", "1"])
    with pytest.raises(StemError, match=r"whole: was begun by another command \(model, sha256: "):
        main([*arguments("whole"), "--model", "lattice_model"])
    Path("plain").mkdir()
    Image.fromarray(images[0]).save("plain/a.png")
    main(["plain", "--output", "changes", *QUICK, "--quiet"])
    Image.fromarray(images[1]).save("plain/a.png")
    with pytest.raises(StemError, match=r"changes: was begun by another command \(inputs, digest"):
        main(["plain", "--output", "changes", *QUICK])
    manifest = Path("changes/_manifest.json")
    manifest.write_text(manifest.read_text().replace('"double"', '"string"', 1))
    with pytest.raises(
        StemError, match=r"changes: was begun by another command \(columns, confide"
    ):
        main(["plain", "--output", "changes", *QUICK])
    with pytest.raises(StemError, match="plain: is there and has no answers of this command"):
        main(["plain", "--output", "plain", *QUICK])
    with pytest.raises(StemError, match="a file; name a folder"):
        main(["plain", "--output", "plain/a.png", *QUICK])
    Path("changes/part-000000.parquet").write_bytes(b"no Parquet")
    from jarvis_stem.prediction.archive import Archive

    with pytest.raises(StemError, match=r"part-000000\.parquet: cannot be read \(.*\); remove it"):
        Archive.read(Path("changes")).summary()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--csv", "x.csv"], "exclude each other"),
        (["--jsonl"], "exclude each other"),
        (["--workers", "1", "--scheduler", "tcp://x"], "exclude each other"),
    ],
)
def test_arguments_that_do_not_go_together(more: Sequence[str], message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        main(arguments("refused", *more))
    with pytest.raises(click.UsageError, match="go with --output"):
        main(["movie.npy", "--workers", "2"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes]) -> None:
    def full(descriptor: int, mode: str) -> Any:
        os.close(descriptor)
        return open("/dev/full", mode)  # noqa: PTH123 - the caller closes it

    main(arguments("full", "--quiet"))
    (Path("full") / "part-000002.parquet").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", full)
        message = (
            r"full/part-000002\.parquet: No space left on device; full: 3 of 4 parts are there"
        )
        with pytest.raises(StemError, match=message):
            main(arguments("full"))
    assert main(arguments("full", "--quiet")) == 0
    assert parts(Path("full")) == whole


class Deadly:
    """Workers who die of one input, and answer others by their names."""

    def submit(self, batch: tuple[Input, ...]) -> Future[Any]:
        found: Future[Any] = Future()
        if any(one.name == "deadly" for one in batch):
            found.set_exception(WorkersDiedError("3 workers died of it"))
        else:
            found.set_result(named(batch))
        return found

    def room(self) -> int:
        return 2


class Errors:
    def errors(self, batch: tuple[Input, ...], why: str) -> Any:
        return named([Input(f"{one.name}: {why}") for one in batch])


def named(batch: Sequence[Input]) -> Any:
    return pa.table({"input": [one.name for one in batch]})


def test_of_a_batch_that_workers_die_of_the_one_input_is_named() -> None:
    names = ["a", "b", "deadly", "c", "d"]
    batches = [tuple(map(Input, names[n : n + 4])) for n in (0, 4)]
    answering: Any = Errors()
    found = dict(answer_all(enumerate(batches), Deadly(), answering))
    assert found[0]["input"].to_pylist() == ["a", "b", "deadly: 3 workers died of it", "c"]
    assert found[1]["input"].to_pylist() == ["d"]


@pytest.mark.nightly
def test_kills(work: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    """Kill the command, all that it has started, or a worker, at random moments; nothing is lost.

    A kill is cheap: commands are copies of a process that has all imported, and use the workers of
    a scheduler that stays; a few times they start workers of their own.
    """
    moments = random.Random(17)
    done, kills = 0, dict.fromkeys(("alone", "command", "worker", "group"), 0)
    with scheduler_and_workers(tmp_path) as (address, worker), Forking(work) as forking:
        while sum(kills.values()) < KILLS:
            name, status = f"killed_{done}", None
            while status != 0:
                (how,) = moments.choices(list(kills), (4, 4, 3, 1))
                more = {"alone": (), "group": ("--workers", "2")}.get(how, ("--scheduler", address))
                running = forking.start("predict", *arguments(name, *more))
                if sum(kills.values()) < KILLS and moments.random() < 0.8:
                    _wait_for(Path(name), moments.randrange(4), running)
                    time.sleep(moments.uniform(0, 0.2))
                    kills[how] += _kill_one(running, how, worker)
                status, said = forking.ended()
                assert parts(Path(name)).items() <= whole.items()
                assert status in (0, -signal.SIGKILL), said
            assert parts(Path(name)) == whole
            assert sorted(path.name for path in Path(name).iterdir()) == ["_manifest.json", *whole]
            done += 1
    sys.stderr.write(f"\n{kills} kills of {done} archives: nothing lost\n")


@contextmanager
def scheduler_and_workers(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A scheduler, its address, and the process that keeps two workers, started anew if killed."""
    at = folder / "scheduler.json"
    scheduler = dask("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(at))
    until(at.exists, scheduler)
    typed = ("--scheduler-file", str(at), "--nworkers", "2", "--nthreads", "1", "--no-dashboard")
    worker = dask("worker", *typed)
    try:
        yield json.loads(at.read_text())["address"], psutil.Process(worker.pid)
    finally:
        for one in (worker, scheduler):
            one.terminate()  # workers go with who keeps them
            one.wait(PATIENCE)


def _wait_for(folder: Path, least: int, running: int) -> None:
    """Wait until a command has written so many parts, or is done."""
    end = time.monotonic() + PATIENCE
    while len(parts(folder)) < least and psutil.pid_exists(running):
        assert time.monotonic() < end
        time.sleep(0.01)


def _kill_one(running: int, how: str, worker: psutil.Process) -> bool:
    """Kill what is named; whether it was there to be killed."""
    try:
        if how == "group":
            os.killpg(running, signal.SIGKILL)
        elif how == "worker":
            spawned = [one for one in worker.children() if "spawn_main" in " ".join(one.cmdline())]
            if not spawned:
                return False
            spawned[-1].kill()
        else:
            os.kill(running, signal.SIGKILL)
    except (ProcessLookupError, psutil.NoSuchProcess):  # it was quicker
        return False
    return True
