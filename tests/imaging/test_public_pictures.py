"""A benchmark's pictures on this machine: what is there, and downloads from a real server."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from helpers import Figshare
from small_benchmark import BY_HAND, CLASSES, HEXAGONAL, SQUARE, TEXT, put, sources

from jarvis_stem.formats.sources import Sources
from jarvis_stem.imaging.public_pictures import (
    fetch_pictures,
    inspect_pictures,
    pictures_folder,
)

FILES = {id: f"content of {id}".encode() for id in CLASSES}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Figshare]:
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)  # before it tries again
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Figshare() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        server.files = {f"/{id}": content for id, content in FILES.items()}
        yield server
        server.shutdown()


@pytest.fixture
def published(server: Figshare) -> Sources:
    return Sources.model_validate(sources(f"http://127.0.0.1:{server.server_port}", FILES))


def states(published: Sources, folder: Path) -> dict[str, str]:
    return {one.id: one.state for one in inspect_pictures(published, folder)}


def test_the_pictures_that_have_an_address_are_downloaded(
    published: Sources, server: Figshare, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "pictures"
    assert set(states(published, folder).values()) == {"missing"}
    fetched = [(one.id, one.state, problem) for one, problem in fetch_pictures(published, folder)]
    assert fetched == [(id, "ok", "") for id in (HEXAGONAL, SQUARE, TEXT)]
    assert {id: (folder / id).read_bytes() for id in (HEXAGONAL, SQUARE, TEXT)} == {
        id: FILES[id] for id in (HEXAGONAL, SQUARE, TEXT)
    }
    assert stat.S_IMODE((folder / TEXT).stat().st_mode) == 0o644
    assert states(published, folder)[BY_HAND] == "missing"
    put(folder, {BY_HAND: FILES[BY_HAND]})
    assert set(states(published, folder).values()) == {"ok"}
    assert list(fetch_pictures(published, folder)) == []
    assert len(server.asked) == 3


def test_a_file_of_another_checksum_is_replaced(published: Sources, tmp_path: Path) -> None:
    put(tmp_path, FILES | {SQUARE: b"another"})
    assert states(published, tmp_path)[SQUARE] == "other"
    ((one, problem),) = fetch_pictures(published, tmp_path)
    assert (one.id, one.state, problem) == (SQUARE, "ok", "")
    assert (tmp_path / SQUARE).read_bytes() == FILES[SQUARE]


def test_what_is_served_with_another_checksum_takes_no_place(
    published: Sources, server: Figshare, tmp_path: Path
) -> None:
    server.files[f"/{SQUARE}"] = b"changed since"
    fetched = {one.id: (one.state, why) for one, why in fetch_pictures(published, tmp_path)}
    assert fetched[SQUARE] == ("missing", "the file at its address has another checksum")
    assert fetched[HEXAGONAL] == fetched[TEXT] == ("ok", "")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["hexagonal.png"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"status": 404}, "HTTPError"), ({"stops_after": 3}, "ChunkedEncodingError")],
)
def test_why_it_cannot_be_downloaded_is_said(
    fault: dict[str, int], kind: str, published: Sources, server: Figshare, tmp_path: Path
) -> None:
    for attribute, value in fault.items():
        setattr(server, attribute, value)
    problems = [why for _, why in fetch_pictures(published, tmp_path)]
    assert problems == [f"cannot be downloaded ({kind})"] * 3
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_folder_is_the_given_one_or_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert pictures_folder("stem_2d_real", Path("here")) == Path("here")
    assert pictures_folder("stem_2d_real") == tmp_path / "jarvis_stem" / "stem_2d_real"
