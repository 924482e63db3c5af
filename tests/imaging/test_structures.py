"""Structures from JARVIS stores and from files: found, downloaded whole, or refused in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from helpers import Figshare, figshare_at
from jarvis.core.utils import get_cache_dir
from jarvis.db import figshare

from jarvis_stem.imaging import store, structures
from jarvis_stem.utils import files
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes, zip_bytes

GRAPHENE: dict[str, Any] = {
    "lattice_mat": [[2.46, 0, 0], [-1.23, 2.1304, 0], [0, 0, 20]],
    "coords": [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]],
    "elements": ["C", "C"],
    "cartesian": False,
}
MEMBER = "d2-12-12-2022.json"
ROWS = [{"jid": "JVASP-1", "atoms": GRAPHENE}]


def store_with(folder: Path, rows: Any, member: str = MEMBER) -> Path:
    """A store whose dft_2d database has the given rows."""
    write_bytes(folder / f"{MEMBER}.zip", zip_bytes(member, json.dumps(rows).encode()))
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Figshare]:
    """The server that has JARVIS' databases, of which it has this one."""
    with figshare_at(monkeypatch) as server:
        server.files[f"/{MEMBER}.zip"] = zip_bytes(MEMBER, json.dumps(ROWS).encode())
        yield server


def test_real_store_covers_what_is_known(shared: Path) -> None:
    ids = ["JVASP-667.jpg", "2dm-1.jpg", "Be4-09dd42ad034e.jpg", "no-such-id.jpg"]
    found = structures.for_dataset("stem_2d_image", ids, data=str(shared / "jarvis_data"))
    assert "2dm-1.jpg" in found
    assert "no-such-id.jpg" not in found
    assert sorted(found["2dm-1.jpg"].elements) == ["F", "F", "Ir"]


def test_built_in_dataset_needs_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.STORE_VARIABLE, "no/such/folder")
    found = structures.for_dataset("stem_2d_proto", ["proto-graphene-C.jpg", "x.jpg"])
    assert list(found) == ["proto-graphene-C.jpg"]


def test_store_that_does_not_exist_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = str(tmp_path / "gone")
    with pytest.raises(StemError, match=r"/gone: no such folder \(given by --data\)"):
        store.store_directory(gone)
    monkeypatch.setenv(store.STORE_VARIABLE, gone)
    with pytest.raises(StemError, match=r"/gone: no such folder \(given by JARVIS_STEM_DATA\)"):
        store.store_directory()


def test_option_wins_over_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.STORE_VARIABLE, "no/such/folder")
    assert store.store_directory(str(tmp_path)) == tmp_path
    monkeypatch.setenv(store.STORE_VARIABLE, str(tmp_path))
    assert store.store_directory() == tmp_path


def test_default_store_is_jarvis_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(store.STORE_VARIABLE, raising=False)
    for base in (str(tmp_path), None):
        if base:
            monkeypatch.setenv("ATOMGPTLAB_CACHE", base)
        else:
            monkeypatch.delenv("ATOMGPTLAB_CACHE")
            monkeypatch.setenv("HOME", str(tmp_path / "home"))
        assert str(store.store_directory()) == get_cache_dir("jarvis_data")


def test_files_are_named_as_jarvis_names_them() -> None:
    names = {name: f"{figshare.get_db_info()[name][1]}.zip" for name in store.DATABASES}
    assert {name: store.database_path(name, Path()).name for name in store.DATABASES} == names


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def bit_flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [truncated, bit_flipped, lambda _: b"", lambda _: b"<html>"])
def test_damaged_zip_is_named_with_the_way_out(damage: Any, tmp_path: Path) -> None:
    rows = [{"jid": f"JVASP-{n}", "atoms": GRAPHENE} for n in range(50)]
    path = store_with(tmp_path, rows) / f"{MEMBER}.zip"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StemError, match=r"d2-12-12-2022\.json\.zip: not a readable zip.*--refresh"):
        store.read_database("dft_2d", tmp_path)


def test_truncated_real_database_is_named(shared: Path, tmp_path: Path) -> None:
    content = (shared / "jarvis_data" / f"{MEMBER}.zip").read_bytes()
    (tmp_path / f"{MEMBER}.zip").write_bytes(content[:-5000])
    with pytest.raises(StemError, match="not a readable zip"):
        store.read_database("dft_2d", tmp_path)


@pytest.mark.parametrize("rows", [{"a": 1}, [1, 2], [{"jid": "x"}], [{"id": "x", "atoms": {}}]])
def test_other_json_is_refused(rows: Any, tmp_path: Path) -> None:
    with pytest.raises(StemError, match="not the JARVIS database dft_2d"):
        store.read_database("dft_2d", store_with(tmp_path, rows))


def test_other_member_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StemError, match=r"expected the single member 'd2-12-12-2022\.json'"):
        store.read_database("dft_2d", store_with(tmp_path, [], member="other.json"))


def test_a_database_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def read_zip(path: Path, member: str, *, limit: int) -> bytes:
        read.append(path)
        return files.read_zip(path, member, limit=limit)

    monkeypatch.setattr(store, "read_zip", read_zip)
    store_with(tmp_path, ROWS)
    for name, key in (("c2db", "id"), ("twod_matpd", "material_id")):
        path = store.database_path(name, tmp_path)
        content = json.dumps([{key: f"{name}-1", "atoms": GRAPHENE}]).encode()
        write_bytes(path, zip_bytes(path.name.removesuffix(".zip"), content))
    ids = ["JVASP-1.jpg", "c2db-1.jpg", "twod_matpd-1.jpg"]
    assert list(structures.for_dataset("any", ids, data=str(tmp_path))) == ids
    assert read == [store.database_path(name, tmp_path) for name in store.DATABASES]


def test_without_network_the_message_shows_the_way_out(tmp_path: Path, server: Figshare) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(StemError) as caught:
        store.read_database("dft_2d", tmp_path)
    message = str(caught.value)
    assert f"{tmp_path / MEMBER}.zip: no such file" in message
    assert "cannot be downloaded (ConnectionError)" in message
    assert "--benchmark stem_2d_proto" in message
    assert "--data" in message
    assert list(tmp_path.iterdir()) == []


def test_download_arrives_whole_and_is_read_once(
    tmp_path: Path, server: Figshare, capfd: pytest.CaptureFixture[str]
) -> None:
    assert store.read_database("dft_2d", tmp_path) == {"JVASP-1": GRAPHENE}
    assert [p.name for p in tmp_path.iterdir()] == [f"{MEMBER}.zip"]
    assert (tmp_path / f"{MEMBER}.zip").read_bytes() == server.files[f"/{MEMBER}.zip"]
    assert (tmp_path / f"{MEMBER}.zip").stat().st_mode & 0o777 == 0o644
    assert server.asked == [f"/{MEMBER}.zip"]
    assert capfd.readouterr() == ("", "")  # a bar is for terminals


def test_a_download_that_broke_off_is_tried_again(
    tmp_path: Path, server: Figshare, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stops_after = 100
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: setattr(server, "stops_after", None))
    assert store.read_database("dft_2d", tmp_path) == {"JVASP-1": GRAPHENE}
    assert len(server.asked) == 2


def test_a_terminal_sees_what_is_downloaded(
    tmp_path: Path,
    server: Figshare,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    store.read_database("dft_2d", tmp_path)
    shown = capsys.readouterr().err
    assert shown.startswith("Downloading dft_2d\n")
    assert f"{len(server.files[f'/{MEMBER}.zip'])}/" in shown
    assert "100%" in shown


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"stops_after": 100}, r"cannot be downloaded \(ChunkedEncodingError\)\.\nPoint --data"),
        ({"status": 503}, r"cannot be downloaded \(HTTPError\)\.\nPoint --data"),
        (
            {"files": {f"/{MEMBER}.zip": b"<html>403</html>"}},
            r"download of dft_2d is damaged \(not a readable zip .*\); try again\.\nPoint --data",
        ),
    ],
)
def test_a_download_that_is_not_whole_changes_nothing(
    fault: dict[str, Any], message: str, old: bytes | None, tmp_path: Path, server: Figshare
) -> None:
    for attribute, value in fault.items():
        setattr(server, attribute, value)
    path = tmp_path / f"{MEMBER}.zip"
    if old:
        path.write_bytes(old)
    with pytest.raises(StemError, match=message) as caught:
        store.read_database("dft_2d", tmp_path, refresh=True)
    assert str(caught.value).startswith(f"{path}: ")
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == ({path: old} if old else {})


def test_an_interrupted_download_changes_nothing(
    tmp_path: Path, server: Figshare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(answer: requests.Response, chunk_size: int) -> Iterator[bytes]:
        yield answer.raw.read(100)
        raise KeyboardInterrupt

    store_with(tmp_path, ROWS)
    monkeypatch.setattr(requests.Response, "iter_content", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.read_database("dft_2d", tmp_path, refresh=True)
    assert [p.name for p in tmp_path.iterdir()] == [f"{MEMBER}.zip"]
    assert store.read_database("dft_2d", tmp_path) == {"JVASP-1": GRAPHENE}
    assert len(server.asked) == 1


@pytest.mark.usefixtures("server")
def test_refresh_replaces_a_damaged_zip(tmp_path: Path) -> None:
    (tmp_path / f"{MEMBER}.zip").write_bytes(b"half a zip")
    assert store.read_database("dft_2d", tmp_path, refresh=True) == {"JVASP-1": GRAPHENE}
    assert store.read_database("dft_2d", tmp_path) == {"JVASP-1": GRAPHENE}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coords": [], "elements": []}, "has no atoms"),
        ({"elements": ["C", "Xx"]}, "unknown element Xx"),
        ({"elements": ["C", 6]}, "unknown element 6"),
        ({"coords": [[0, 0, 0], [float("nan"), 0, 0]]}, "coordinates that are not finite"),
        ({"lattice_mat": [[2, 0, 0], [4, 0, 0], [0, 0, 20]]}, "degenerate cell"),
        ({"lattice_mat": [[0, 0, 0], [0, 0, 0], [0, 0, 0]]}, "degenerate cell|dictionary"),
        ({"lattice_mat": [[float("inf"), 0, 0], [0, 2, 0], [0, 0, 20]]}, "finite|dictionary"),
        ({"coords": "none"}, "not a JARVIS atoms dictionary|finite"),
        ({"elements": ["C"]}, "2 positions but 1 elements"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_structures_that_cannot_be_drawn_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(StemError, match=message) as caught:
        structures.parse_atoms({**GRAPHENE, **change}, "store: JVASP-1")
    assert str(caught.value).startswith("store: JVASP-1: ")


def test_magnetic_sites_are_their_element(tmp_path: Path) -> None:
    bromide = {**GRAPHENE, "elements": ["Co1", "Br12"]}
    assert structures.parse_atoms(bromide, "x").elements == ["Co", "Br"]
    rows = [{"jid": "JVASP-1", "atoms": bromide}]
    for name, key in store.DATABASES.items():
        path = store.database_path(name, tmp_path)
        content = json.dumps(rows if key == "jid" else []).encode()
        write_bytes(path, zip_bytes(path.name.removesuffix(".zip"), content))
    found = structures.for_dataset("any", ["JVASP-1.jpg"], data=str(tmp_path))
    assert found["JVASP-1.jpg"].elements == ["Co", "Br"]


@pytest.mark.parametrize(
    ("site", "named"), [("Xx1", "Xx1"), ("co1", "co1"), ("Co1a", "Co1a"), ("1", "1"), ("Co-1",) * 2]
)
def test_a_site_of_no_element_is_named_as_it_is(site: str, named: str) -> None:
    with pytest.raises(StemError, match=f"x: unknown element {named}$"):
        structures.parse_atoms({**GRAPHENE, "elements": ["C", site]}, "x")


@pytest.mark.parametrize("record", [None, 3, [], {}, {"elements": ["C"]}])
def test_records_that_are_no_structure_are_refused(record: Any) -> None:
    with pytest.raises(StemError, match=r"x\.json: 0: not a JARVIS atoms dictionary"):
        structures.parse_atoms(record, "x.json: 0")
