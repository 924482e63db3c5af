"""The command that shows, fetches, verifies and clears what is kept: real zips, a real server."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_benchmark
from helpers import REAL, REPOSITORY, Figshare, add_benchmark, figshare_at, start
from jarvis.core.lattice import Lattice

from jarvis_stem import cli, data
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import ResultName
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.store import DATABASES, STORE_VARIABLE
from jarvis_stem.training import dataset
from jarvis_stem.utils import array_cache
from jarvis_stem.utils.array_cache import FOLDER_VARIABLE, LIMIT_VARIABLE, ArrayCache
from jarvis_stem.utils.files import read_zip, write_bytes, zip_bytes

GRAPHENE: dict[str, Any] = {
    "lattice_mat": [[2.46, 0, 0], [-1.23, 2.1304, 0], [0, 0, 20]],
    "coords": [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]],
    "elements": ["C", "C"],
    "cartesian": False,
}
FILES = {
    "dft_2d": "d2-12-12-2022.json.zip",
    "c2db": "c2db_atoms.json.zip",
    "twod_matpd": "twodmatpd.json.zip",
}
SPLITS = {
    "train": {"JVASP-1.jpg": 0, "b-1.jpg": 0, "2dm-1.jpg": 0},
    "test": {"JVASP-2.jpg": 0, "nowhere.jpg": 1},
}
NAME = ResultName.parse("AI-ImageClass-bravais_class-small-test-acc")


def content(database: str) -> bytes:
    """The zip of a small database."""
    ids = {"dft_2d": ["JVASP-1", "JVASP-2"], "c2db": ["b-1"], "twod_matpd": ["2dm-1"]}[database]
    rows = [{DATABASES[database]: i, "atoms": GRAPHENE} for i in ids]
    return zip_bytes(FILES[database].removesuffix(".zip"), json.dumps(rows).encode())


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without data, with a folder of benchmarks."""
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    monkeypatch.setenv("ATOMGPTLAB_CACHE", str(tmp_path / "atomgptlab"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    add_benchmark(tmp_path / "benchmarks", NAME, SPLITS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(home: Path) -> Path:
    """JARVIS' own cache in that home, with all databases."""
    folder = home / "atomgptlab" / "jarvis_data"
    for database, file in FILES.items():
        write_bytes(folder / file, content(database))
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.run(lambda: data.main(list(arguments)))
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def figshare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Figshare]:
    with figshare_at(monkeypatch) as server:
        for database, file in FILES.items():
            server.files[f"/{file}"] = content(database)
        yield server


def test_what_is_there_is_shown(store: Path, home: Path, run: Run) -> None:
    write_bytes(home / "cache/jarvis_stem/a/predictions.npz", b"x" * 1500)
    status, out, err = run()
    assert (status, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["store:", str(store), "(JARVIS’", "own", "cache)"],
        [],
        ["database", "file", "state", "size", "structures"],
        *(
            [name, FILES[name], "ok", str(len(content(name))), "bytes", count]
            for name, count in (("dft_2d", "2"), ("c2db", "1"), ("twod_matpd", "1"))
        ),
        [],
        ["benchmark", "split", "ids", "with", "structure", "share"],
        ["small", "train", "3", "3", "100.0%"],
        ["small", "test", "2", "1", "50.0%"],
        ["small", "test:", "no", "structure", "for", "nowhere.jpg"],
        [],
        ["cache:", f"{home}/cache/jarvis_stem:", "1", "files,", "1.5", "kB"],
        f"drawn and described images: {home}/cache/jarvis_stem/images: 0 files, "
        "0 bytes of at most 10.0 GB".split(),
    ]
    assert run("show") == (0, out, "")


def test_what_is_missing_or_damaged_is_shown_and_covers_nothing(store: Path, run: Run) -> None:
    (store / FILES["c2db"]).unlink()
    (store / FILES["dft_2d"]).write_bytes(b"half a zip")
    status, out, err = run("--json")
    assert (status, err) == (0, "")
    shown = json.loads(out)
    assert (shown["store"], shown["named_by"]) == (str(store), None)
    dft, c2db, twod = shown["databases"]
    assert (dft["state"], dft["bytes"], dft["structures"]) == ("damaged", 10, None)
    assert "not a readable zip" in dft["problem"]
    assert (c2db["state"], c2db["bytes"]) == ("missing", None)
    assert (twod["state"], twod["structures"], twod["problem"]) == ("ok", 1, None)
    assert [row["with_structure"] for row in shown["coverage"]] == [1, 0]
    assert shown["cache"]["files"] == 0
    assert sorted(p.name for p in store.iterdir()) == sorted([FILES["dft_2d"], FILES["twod_matpd"]])
    _, text, _ = run()
    assert f"{store / FILES['c2db']}: missing; jarvis-stem data fetch downloads it" in text
    assert dft["problem"] in text


def test_an_empty_home_is_shown(home: Path, run: Run) -> None:
    shutil.rmtree(home / "benchmarks")
    status, out, err = run()
    assert (status, err) == (0, "")
    assert out.count("missing  ") == 3
    assert "jarvis_stem: 0 files, 0 bytes\n" in out


def test_a_home_that_cannot_be_written_is_shown(home: Path) -> None:
    environment = {
        "HOME": os.devnull,
        "XDG_CACHE_HOME": os.devnull,
        "ATOMGPTLAB_CACHE": f"{os.devnull}/cache",
    }
    done = start([sys.executable, "-m", "jarvis_stem.data", "show", "--json"], home, **environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["store"].startswith(os.devnull)


def test_the_store_is_the_one_that_is_named(
    store: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = store.rename(home / "mine")
    shown = json.loads(run("show", "--data", str(named), "--json")[1])
    assert (shown["store"], shown["named_by"]) == (str(named), "--data")
    monkeypatch.setenv(STORE_VARIABLE, str(named))
    assert json.loads(run("show", "--json")[1])["named_by"] == STORE_VARIABLE
    assert run("show", "--data", "gone") == (
        1,
        "",
        "error: gone: no such folder (given by --data)\n",
    )


def test_the_real_store_covers_what_is_known(shared: Path, run: Run) -> None:
    store = str(shared / "jarvis_data")
    benchmarks = str(REPOSITORY / "benchmarks")
    status, out, err = run("--data", store, "--benchmarks", benchmarks, "--json")
    assert (status, err) == (0, "")
    shown = json.loads(out)
    assert {d["name"]: d["structures"] for d in shown["databases"]} == {
        "dft_2d": 1076,
        "c2db": 4035,
        "twod_matpd": 6351,
    }
    assert [list(row.values())[:4] for row in shown["coverage"]] == [
        ["stem_2d_image", "train", 6862, 6856],
        ["stem_2d_image", "test", 2288, 2286],
        ["stem_2d_proto", "train", 1200, 1200],
        ["stem_2d_proto", "test", 373, 373],
    ]
    assert [row["other_class"] for row in shown["coverage"]] == [[], [], [], []]
    assert [len(row["without_structure"]) for row in shown["coverage"]] == [6, 2, 0, 0]
    assert shown["coverage"][1]["without_structure"] == [
        "I2S2Ti2-23a4759cd0e1.jpg",
        "Mn2P2S6-677c868c0469.jpg",
    ]
    assert all(database["warning"] is None for database in shown["databases"])
    assert run("verify", "--data", store) == (0, run("verify", "--data", store)[1], "")


def test_the_guide_names_the_ids_without_a_structure_as_the_command_does(
    shared: Path, run: Run
) -> None:
    arguments = ["--data", str(shared / "jarvis_data"), "--benchmarks", REPOSITORY / "benchmarks"]
    _, out, _ = run("show", *map(str, arguments))
    lines = [line for line in out.splitlines() if "no structure for" in line]
    assert len(lines) == 2
    guide = (REPOSITORY / "docs" / "guide.md").read_text()
    assert all(line in guide for line in lines)


# A store that is not the benchmark's


@pytest.fixture
def turned(home: Path, shared: Path) -> Path:
    """The real store with 2DMatPedia's cells turned so that a lies along x, as it once was."""
    folder = home / "turned"
    shutil.copytree(shared / "jarvis_data", folder)
    change(folder, "twod_matpd", turn)
    return folder


def turn(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        lattice = Lattice(row["atoms"]["lattice_mat"])
        along_x = Lattice.from_parameters(*lattice.abc, *lattice.angles)
        row["atoms"]["lattice_mat"] = along_x.matrix.tolist()


def change(folder: Path, database: str, by: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change a database's rows in place."""
    path = folder / FILES[database]
    member = FILES[database].removesuffix(".zip")
    rows = json.loads(read_zip(path, member))
    by(rows)
    path.unlink()
    write_bytes(path, zip_bytes(member, json.dumps(rows).encode()))


def test_a_store_of_turned_cells_is_called_what_it_is(turned: Path, run: Run) -> None:
    benchmarks = str(REPOSITORY / "benchmarks")
    status, out, err = run("--data", str(turned), "--benchmarks", benchmarks)
    assert (status, err) == (0, "")
    (warning,) = [line for line in out.splitlines() if line.startswith("warning: ")]
    assert warning.startswith(f"warning: {turned / FILES['twod_matpd']}: all 6,351 cells have a ")
    assert "jarvis-stem data fetch --refresh" in warning
    assert "another class" not in out
    status, _, err = run("verify", "--data", str(turned))
    assert (status, err) == (0, f"{warning}\n")
    assert run("verify", "--data", str(turned), "--quiet") == (0, "", "")
    shown = json.loads(run("verify", "--data", str(turned), "--json")[1])
    assert [database["warning"] for database in shown] == [
        None,
        None,
        warning.removeprefix("warning: "),
    ]


def test_one_turned_cell_is_enough_to_be_as_published(turned: Path, run: Run) -> None:
    def one(rows: list[dict[str, Any]]) -> None:
        rows[7]["atoms"]["lattice_mat"][0][1] += 0.01

    change(turned, "twod_matpd", one)
    assert run("verify", "--data", str(turned))[::2] == (0, "")


def test_what_draws_from_turned_cells_says_so_each_time(
    turned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = Benchmark.read(REPOSITORY / "benchmarks", REAL)
    options = dataset.Options(model="m", command="c", data=str(turned))
    for _ in range(2):
        found = dataset.find_structures(options, benchmark, ["test"], ArrayCache(tmp_path))
        assert found is not None and len(found) == 2286
        err = capsys.readouterr().err
        assert err.startswith(f"warning: {turned / FILES['twod_matpd']}: all 6,351 cells have a ")
        assert err.count("\n") == 1


def test_cells_of_another_class_than_the_benchmarks_are_named(
    home: Path, shared: Path, run: Run
) -> None:
    folder = home / "wrong"
    shutil.copytree(shared / "jarvis_data", folder)

    def swap(rows: list[dict[str, Any]]) -> None:
        by_id = {row["material_id"]: row["atoms"] for row in rows}
        by_id["2dm-1322"]["lattice_mat"] = [[3, 0, 0], [0, 3, 0], [0, 0, 20]]
        by_id["2dm-1322"]["elements"] = ["C"] * len(by_id["2dm-1322"]["elements"])
        by_id["2dm-1"]["elements"][0] = "Xx"

    change(folder, "twod_matpd", swap)
    arguments = ("--data", str(folder), "--benchmarks", str(REPOSITORY / "benchmarks"))
    _, out, _ = run("show", *arguments)
    shown = json.loads(run("show", *arguments, "--json")[1])
    wrong = [row for split in shown["coverage"] for row in split["other_class"]]
    truth = Benchmark.read(REPOSITORY / "benchmarks", REAL).splits
    (given,) = [classes["2dm-1322.jpg"] for classes in truth.values() if "2dm-1322.jpg" in classes]
    assert wrong == [{"id": "2dm-1322.jpg", "class": given, "rule": 1}]
    assert (
        "another class by JARVIS' rule than in the benchmark: 2dm-1322.jpg "
        f"({CLASS_NAMES[int(given)]}, by its cell square); such a store is not what the benchmark"
    ) in out
    (lacking,) = [split for split in shown["coverage"] if "2dm-1.jpg" in split["without_structure"]]
    assert lacking["problems"] == ["2dm-1: unknown element Xx"]
    assert "cannot be drawn: 2dm-1: unknown element Xx" in out


def test_of_many_ids_without_a_structure_the_first_are_named(
    home: Path, shared: Path, run: Run
) -> None:
    folder = home / "less"
    shutil.copytree(shared / "jarvis_data", folder)
    (folder / FILES["c2db"]).unlink()
    arguments = ("--data", str(folder), "--benchmarks", str(REPOSITORY / "benchmarks"))
    _, out, _ = run("show", *arguments)
    train, test, *_ = json.loads(run("show", *arguments, "--json")[1])["coverage"]
    absent = test["without_structure"]
    assert len(absent) == test["ids"] - test["with_structure"] > 500
    assert (
        f"stem_2d_image test: no structure for {len(absent):,}, the first of them "
        f"{', '.join(absent[:8])} (--json lists all)"
    ) in out
    assert len(train["without_structure"]) > len(absent)


# fetch


def test_what_is_missing_is_fetched(store: Path, figshare: Figshare, run: Run) -> None:
    (store / FILES["c2db"]).unlink()
    before = (store / FILES["dft_2d"]).stat()
    status, out, err = run("fetch")
    assert (status, err) == (0, "")
    assert out.splitlines()[:2] == [
        f"{store / FILES['dft_2d']}: was there, {before.st_size} bytes",
        f"{store / FILES['c2db']}: downloaded, {len(content('c2db'))} bytes",
    ]
    assert figshare.asked == [f"/{FILES['c2db']}"]
    assert (store / FILES["c2db"]).read_bytes() == content("c2db")
    assert json.loads(run("fetch", "--json")[1]) == {"store": str(store), "downloaded": []}


def test_all_is_fetched_anew(home: Path, figshare: Figshare, run: Run) -> None:
    assert run("fetch", "--quiet") == (0, "", "")
    store = home / "atomgptlab" / "jarvis_data"
    (store / FILES["dft_2d"]).write_bytes(b"half a zip")
    status, out, _ = run("fetch", "--refresh", "--json")
    assert status == 0
    assert json.loads(out)["downloaded"] == [str(store / file) for file in FILES.values()]
    assert len(figshare.asked) == 6
    assert run("verify", "--quiet") == (0, "", "")


def test_a_fetch_without_a_network_says_the_way_out(
    home: Path, figshare: Figshare, run: Run
) -> None:
    figshare.shutdown()
    figshare.server_close()
    status, out, err = run("fetch")
    assert (status, out) == (1, "")
    assert "the JARVIS database dft_2d cannot be downloaded (ConnectionError)" in err
    assert "--benchmark stem_2d_proto" in err
    assert list((home / "atomgptlab" / "jarvis_data").iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"status": 503}, "cannot be downloaded (HTTPError)"),
        ({"stops_after": 100}, "cannot be downloaded (ChunkedEncodingError)"),
        (
            {"files": {f"/{file}": b"<html>" for file in FILES.values()}},
            "the download of dft_2d is damaged (not a readable zip",
        ),
    ],
)
def test_a_failed_fetch_keeps_what_was_there(
    fault: dict[str, Any], message: str, store: Path, figshare: Figshare, run: Run
) -> None:
    for attribute, value in fault.items():
        setattr(figshare, attribute, value)
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    status, out, err = run("fetch", "--refresh")
    assert (status, out) == (1, "")
    assert message in err
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before


# verify


def test_good_databases_pass(store: Path, run: Run) -> None:
    status, out, err = run("verify")
    assert (status, err) == (0, "")
    assert [line.split()[2] for line in out.splitlines()] == ["state", "ok", "ok", "ok"]


@pytest.mark.parametrize("more", [[], ["--quiet"], ["--json"]])
def test_every_fault_is_named(more: list[str], store: Path, run: Run) -> None:
    path = store / FILES["dft_2d"]
    packed = bytearray(path.read_bytes())
    packed[len(packed) // 2] ^= 1
    path.write_bytes(packed)
    (store / FILES["twod_matpd"]).unlink()
    status, out, err = run("verify", *more)
    assert status == 1
    flipped, missing = err.splitlines()
    assert flipped.startswith(f"error: {path}: not a readable zip (Bad CRC-32")
    assert missing.startswith(f"error: {store / FILES['twod_matpd']}: missing; ")
    if more == ["--json"]:
        assert [d["state"] for d in json.loads(out)] == ["damaged", "ok", "missing"]
    else:
        assert (out == "") == (more == ["--quiet"])


# clear


def answers(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_own_data_and_nothing_else_is_cleared(
    store: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes(home / "cache/jarvis_stem/a/predictions.npz", b"x")
    others = [store / "other.json.zip", home / "cache/other/x", home / "atomgptlab/models/y"]
    for other in others:
        write_bytes(other, b"x")
    answers(monkeypatch, "y\n")
    status, out, err = run("clear")
    removed = [*(store / file for file in FILES.values()), home / "cache/jarvis_stem"]
    assert status == 0
    assert out == "".join(f"removed {path}\n" for path in removed)
    assert err == "".join(f"{path}\n" for path in removed) + "Remove these? [y/N]: "
    assert not any(path.exists() for path in removed)
    assert all(path.exists() for path in others)
    assert run("clear") == (0, "nothing to remove\n", "")
    assert run("clear", "--json") == (0, '{\n  "removed": []\n}\n', "")


@pytest.mark.parametrize(("answer", "status"), [("n\n", 1), ("\n", 1), ("", 130)])
def test_nothing_is_cleared_without_a_yes(
    answer: str, status: int, store: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, answer)
    got, out, err = run("clear")
    assert (got, out) == (status, "")
    assert err.endswith("nothing was removed\n" if status == 1 else "interrupted\n")
    assert sorted(path.name for path in store.iterdir()) == sorted(FILES.values())


@pytest.mark.parametrize("by", ["--data", STORE_VARIABLE])
def test_a_store_that_was_named_is_cleared_with_yes_only(
    by: str, store: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = store.rename(home / "shared")
    arguments = ["clear"]
    if by == "--data":
        arguments += ["--data", str(named)]
    else:
        monkeypatch.setenv(by, str(named))
    answers(monkeypatch, "y\n")
    message = f"error: {named}: named by {by}, and others may use it; --yes removes its databases\n"
    assert run(*arguments) == (1, "", message)
    assert len(list(named.iterdir())) == 3
    assert run(*arguments, "--yes", "--quiet") == (0, "", "")
    assert named.is_dir()
    assert list(named.iterdir()) == []


@pytest.mark.parametrize("by", ["--cache", FOLDER_VARIABLE, "default"])
def test_described_images_and_nothing_else_are_shown_and_cleared(
    by: str, store: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / ("cache/jarvis_stem/images" if by == "default" else "mine")
    where = ["--cache", str(folder)] if by == "--cache" else []
    if by == FOLDER_VARIABLE:
        monkeypatch.setenv(by, str(folder))
    array_cache.ArrayCache(folder).put(f"lattice-{'0' * 64}", np.arange(9))
    other = folder / "somebody's.npy"
    other.write_bytes(b"x")
    shown = json.loads(run("show", "--json", *where)[1])["described_images"]
    assert (shown["folder"], shown["files"], shown["limit"]) == (str(folder), 1, 10**10)
    assert shown["bytes"] > 9 * 8
    status, out, err = run("clear", "--cache-only", *where)
    assert (status, err) == (0, "")
    assert out.startswith(f"{folder}: 1 files removed, ")
    assert list(folder.iterdir()) == [other]
    assert len(list(store.iterdir())) == 3
    assert run("clear", "--cache-only", "--data", "x")[0] == 2
    assert run("clear", "--cache", "x")[0] == 2


def test_a_limit_of_the_cache_that_is_no_number_is_refused(
    store: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "10 GB")
    message = f"error: {LIMIT_VARIABLE}: expected gigabytes, for example 10, got '10 GB'\n"
    assert run("show") == (1, "", message)


def test_what_a_link_leads_to_is_kept(store: Path, home: Path, run: Run) -> None:
    elsewhere = home / "elsewhere"
    write_bytes(elsewhere / "x", b"x")
    (home / "cache").mkdir()
    (home / "cache/jarvis_stem").symlink_to(elsewhere)
    assert run("clear", "--yes", "--quiet") == (0, "", "")
    assert not (home / "cache/jarvis_stem").is_symlink()
    assert (elsewhere / "x").exists()


# pictures


@pytest.fixture
def pictures(home: Path, figshare: Figshare) -> dict[str, bytes]:
    """A benchmark of pictures, served but for one."""
    files = {id: f"content of {id}".encode() for id in small_benchmark.CLASSES}
    address = f"http://127.0.0.1:{figshare.server_port}"
    small_benchmark.add_real(home / "benchmarks", files, address)
    figshare.files |= {f"/{id}": content for id, content in files.items()}
    return files


def test_pictures_are_fetched_and_the_others_named(
    pictures: dict[str, bytes], home: Path, run: Run
) -> None:
    status, out, err = run("fetch", "--benchmark", "pictures", "--images", "here")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        *(f"here/{id}: downloaded, {len(pictures[id])} bytes" for id in list(pictures)[:3]),
        "pictures of pictures: here: 3 of 4 there",
        "by hand, each to its path in here:",
        "  c/by_hand.png: ask for it: https://example.org/pictures",
    ]
    small_benchmark.put(home / "here", pictures)
    assert run("fetch", "--benchmark", "pictures", "--images", "here") == (
        0,
        "pictures of pictures: here: 4 of 4 there\n",
        "",
    )


def test_the_place_of_pictures_is_the_cache(
    pictures: dict[str, bytes], home: Path, run: Run
) -> None:
    status, out, _ = run("fetch", "--benchmark", "pictures", "--json")
    folder = home / "cache/jarvis_stem/pictures"
    assert status == 0
    assert json.loads(out) == {
        "benchmark": "pictures",
        "folder": str(folder),
        "ids": 4,
        "there": 3,
        "other_checksum": [],
        "to_fetch": [],
        "by_hand": {"c/by_hand.png": {"how": "ask for it", "page": "https://example.org/pictures"}},
        "downloaded": list(pictures)[:3],
    }
    assert {i: (folder / i).read_bytes() for i in list(pictures)[:3]} == {
        i: pictures[i] for i in list(pictures)[:3]
    }


def test_a_picture_that_cannot_be_fetched_is_named_with_its_address(
    pictures: dict[str, bytes], figshare: Figshare, run: Run
) -> None:
    figshare.files["/a/square.png"] = b"changed since"
    status, out, err = run("fetch", "--benchmark", "pictures", "--images", "here")
    assert status == 1
    assert "here/a/square.png" not in out
    assert "pictures of pictures: here: 2 of 4 there" in out
    assert err == (
        "error: a/square.png: the file at its address has another checksum: "
        f"http://127.0.0.1:{figshare.server_port}/a/square.png; see https://example.org/pictures, "
        "and put the file at here/a/square.png\n"
    )


def test_what_is_there_of_the_pictures_is_shown(
    pictures: dict[str, bytes], store: Path, home: Path, run: Run
) -> None:
    small_benchmark.put(home / "here", {"a/square.png": b"another", "b/text.png": b"x"})
    small_benchmark.put(home / "here", {"b/text.png": pictures["b/text.png"]})
    status, out, err = run("--images", "here")
    assert (status, err) == (0, "")
    assert out.splitlines()[-9:-1] == [
        "",
        "pictures of pictures: here: 1 of 4 there",
        "another file than the published one: a/square.png",
        "to download, jarvis-stem data fetch --benchmark pictures: a/hexagonal.png, a/square.png",
        "by hand, each to its path in here:",
        "  c/by_hand.png: ask for it: https://example.org/pictures",
        "",
        f"cache: {home}/cache/jarvis_stem: 0 files, 0 bytes",
    ]
    assert "no structure for a/" not in out


@pytest.mark.parametrize("more", [["--data", "x"], ["--refresh"]])
def test_databases_and_pictures_are_fetched_apart(
    more: list[str], pictures: dict[str, bytes], run: Run
) -> None:
    status, _, err = run("fetch", "--benchmark", "pictures", *more)
    assert status == 2
    assert "exclude each other" in err


def test_a_benchmark_that_is_drawn_has_no_pictures(home: Path, run: Run) -> None:
    status, _, err = run("fetch", "--benchmark", "small")
    assert status == 1
    assert "small: its images are drawn from structures" in err
