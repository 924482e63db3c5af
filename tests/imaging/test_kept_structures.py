"""Structures that need not be read again: the same images are asked for, by their digests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jarvis_stem.imaging import image_set, kept_structures, structures
from jarvis_stem.imaging.image_set import KeptStructures
from jarvis_stem.imaging.store import DATABASES, database_path
from jarvis_stem.utils.array_cache import ArrayCache
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes, zip_bytes

IDS = ["JVASP-1.jpg", "absent.jpg", "JVASP-2.jpg"]
Find = Callable[..., Any]


def graphene(a: float) -> dict[str, Any]:
    cell = [[a, 0, 0], [-a / 2, a * 0.75**0.5, 0], [0, 0, 20]]
    coords = [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]]
    return {"lattice_mat": cell, "coords": coords, "elements": ["C", "C"], "cartesian": False}


def fill(store: Path, *lengths: float) -> None:
    """Write the three databases, of which one has graphene of these lattice constants."""
    rows = [{"jid": f"JVASP-{n}", "atoms": graphene(a)} for n, a in enumerate(lengths, 1)]
    for database in DATABASES:
        path = database_path(database, store)
        content = json.dumps(rows if database == "dft_2d" else [])
        write_bytes(path, zip_bytes(path.name.removesuffix(".zip"), content.encode()))


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Find the structures of a store, with one cache."""
    fill(tmp_path / "store", 2.4, 2.5)
    cache = ArrayCache(tmp_path / "cache")

    def find(ids: list[str] = IDS, cache: ArrayCache = cache) -> Any:
        return kept_structures.for_dataset("any", ids, cache, data=str(tmp_path / "store"))

    return find


def content(found: Any) -> bytes:
    return image_set.renders(found, IDS).content(0, 2)


def test_the_second_time_nothing_is_read_until_one_is_asked_for(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = find()
    assert not isinstance(read, KeptStructures)
    with monkeypatch.context() as patch:
        patch.setattr(structures, "read_database", None)
        kept = find()
        assert isinstance(kept, KeptStructures)
        assert list(kept) == list(read) == ["JVASP-1.jpg", "JVASP-2.jpg"]
        assert (len(kept), "absent.jpg" in kept) == (2, False)
        assert content(kept) == content(read)
    sources = [image_set.renders(found, IDS) for found in (read, kept)]
    assert [source.ids for source in sources] == [tuple(read)] * 2
    assert [source.missing for source in sources] == [("absent.jpg",)] * 2
    assert (sources[0].draw(0, 2) == sources[1].draw(0, 2)).all()
    assert kept["JVASP-2.jpg"].to_dict() == read["JVASP-2.jpg"].to_dict()


def test_another_store_or_other_ids_are_read(find: Find, tmp_path: Path) -> None:
    before = content(find())
    assert not isinstance(find(IDS[:2]), KeptStructures)
    fill(tmp_path / "store", 2.4, 2.6)
    changed = find()
    assert not isinstance(changed, KeptStructures)
    assert content(changed) != before


def test_without_a_cache_they_are_read(find: Find) -> None:
    for _ in range(2):
        assert not isinstance(find(cache=ArrayCache(None)), KeptStructures)


def test_a_store_that_is_refused_stays_refused(find: Find, tmp_path: Path) -> None:
    fill(tmp_path / "store", 2.4, 0.1)
    for _ in range(2):
        with pytest.raises(StemError, match="JVASP-2: degenerate cell"):
            find()
