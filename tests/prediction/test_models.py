"""Models that an installed package downloads: by name, once, whole, and each version apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from graphs import recorded, store_graph, tiny_graph
from helpers import PROTO, REAL, Figshare

from jarvis_stem import __version__
from jarvis_stem.api import list_models, load_model
from jarvis_stem.formats.names import DEFAULT_MODEL
from jarvis_stem.prediction import models
from jarvis_stem.utils.errors import StemError

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 256, 256), dtype=np.uint8)
PATH = f"/v{__version__}/other-stem_2d_image.onnx"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Figshare]:
    """A package without a clone beside it, and the server that has its release."""
    shipped = tmp_path / "jarvis_stem" / "contributions"
    store_graph(shipped / DEFAULT_MODEL, REAL, tiny_graph())
    monkeypatch.setattr(models, "REPOSITORY", tmp_path / "contributions")
    monkeypatch.setattr(models, "SHIPPED", shipped)
    monkeypatch.setattr(models, "_RELEASE", shipped / "release.json")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Figshare() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(models, "_ADDRESS", f"http://127.0.0.1:{server.server_port}")
        release(shipped, server, tiny_graph(seed=1))
        yield server
        server.shutdown()


def release(shipped: Path, server: Figshare, content: bytes) -> None:
    """Have the package know a model, and the server hold it."""
    one = {**recorded(content), "accuracy": 0.9}
    default = {**recorded(tiny_graph()), "accuracy": 0.5}
    text = json.dumps({DEFAULT_MODEL: {"stem_2d_image": default}, "other": {"stem_2d_image": one}})
    (shipped / "release.json").write_text(text)
    server.files[PATH] = content


def test_the_default_model_needs_no_download(installed: Figshare) -> None:
    assert load_model().predict(IMAGES).shape == (2,)
    assert installed.asked == []
    found = {(one.name, one.place, one.accuracy) for one in list_models()}
    assert found == {(DEFAULT_MODEL, "here", 0.5), ("other", "release", 0.9)}


def test_another_one_is_downloaded_once(installed: Figshare, tmp_path: Path) -> None:
    first = load_model("other").predict_proba(IMAGES)
    assert np.array_equal(load_model("other").predict_proba(IMAGES), first)
    assert installed.asked == [PATH]
    (kept,) = (tmp_path / "cache" / "models").iterdir()
    assert kept.read_bytes() == tiny_graph(seed=1)


def test_versions_of_a_model_are_apart(installed: Figshare, tmp_path: Path) -> None:
    old = load_model("other").predict_proba(IMAGES)
    release(models.SHIPPED, installed, tiny_graph(seed=2))
    new = load_model("other").predict_proba(IMAGES)
    assert not np.array_equal(new, old)
    assert len([*(tmp_path / "cache" / "models").iterdir()]) == 2


def test_a_download_that_is_cut_short_leaves_nothing(installed: Figshare, tmp_path: Path) -> None:
    installed.stops_after = 100
    with pytest.raises(
        StemError, match=r"other-stem_2d_image\.onnx: cannot be downloaded \("
    ) as got:
        load_model("other")
    assert "\n" not in str(got.value)
    assert [*(tmp_path / "cache" / "models").glob("*")] == []
    installed.stops_after = None
    assert load_model("other").predict(IMAGES).shape == (2,)


def test_other_bytes_than_the_listed_are_refused(installed: Figshare, tmp_path: Path) -> None:
    installed.files[PATH] = tiny_graph(seed=3)
    with pytest.raises(StemError, match="cannot be downloaded"):
        load_model("other")
    assert [*(tmp_path / "cache" / "models").glob("*")] == []


def test_a_model_that_there_is_not_is_named(installed: Figshare) -> None:
    expected = f"nothing: no such model for stem_2d_image; with a model: other, {DEFAULT_MODEL}"
    with pytest.raises(StemError, match=expected):
        load_model("nothing")
    with pytest.raises(StemError, match="other: no such model for stem_2d_proto"):
        load_model("other", PROTO.dataset)
