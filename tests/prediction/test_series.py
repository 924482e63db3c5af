"""Lattices over frames: noise and drift are no changes, jumps and other classes are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="the extra scale is not installed")
from helpers import command
from PIL import Image

from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.predict import main as predict
from jarvis_stem.prediction.series import columns, series_of
from jarvis_stem.utils.errors import StemError

N = 400


def rows(a: Any, classes: Any = None, unit: str = "angstrom") -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [None] * len(a) for name in columns()}
    found["input"] = [f"frame {n + 1}" for n in range(len(a))]
    found[f"a_{unit}"] = list(a)
    found["class_name"] = ["hexagonal"] * len(a) if classes is None else list(classes)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_drift_are_no_changes(seed: int) -> None:
    drift = np.linspace(3.1, 3.3, N)
    found = series_of(rows(drift + np.random.default_rng(seed).normal(0, 0.002, N)))
    assert found.changes == []
    assert found.outliers.sum() == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_jump_and_outliers(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.002, N)
    a = 3.2 + noise + np.where(np.arange(N) >= 250, 0.02, 0)
    a[[60, 300]] += 0.05
    values: list[Any] = list(a)
    values[100] = None
    found = series_of(rows(values))
    (change,) = found.changes
    assert abs(change.row - 250) <= 1
    assert change.jumps["a"] == pytest.approx(0.02, abs=0.005)
    assert change.classes is None
    assert np.flatnonzero(found.outliers).tolist() == [60, 300]
    assert found.as_json()["pictures"][100]["a"] is None


def test_another_class() -> None:
    classes: list[Any] = ["square"] * 40 + ["rectangle"] * 40
    classes[10], classes[60], classes[70] = "hexagonal", "square", None
    (change,) = series_of(rows([3.2] * 80, classes)).changes
    assert (change.row, change.classes, change.jumps) == (40, ("square", "rectangle"), {})


def test_few_pictures_have_no_changes() -> None:
    assert series_of(rows([3.1, 3.1, 3.3], ["square", "square", "rectangle"])).changes == []


def test_two_units_and_none() -> None:
    mixed = rows([3.2, None])
    mixed["a_px"] = [None, 20.0]
    with pytest.raises(StemError, match="1 lattices are in Å and 1 in pixels"):
        series_of(mixed)
    with pytest.raises(StemError, match="none of the answers has a lattice"):
        series_of(rows([None, None]))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = prototypes.structures()
    images = stem.to_uint8(
        stem.simulate([found[f"proto-{name}.jpg"] for name in ("rocksalt-PbTe", "graphene-C")])
    )
    np.save("movie.npy", images[[0] * 10 + [1] * 10])
    typed = ["movie.npy", "--frame", "all", "--pixel-size", "0.2", "--distortion", "0"]
    assert predict([*typed, "--output", "answers", "--quiet"]) == 0
    done = command("series", "answers", "--plot", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "plot: series.png\n")
    assert "answers: 20 pictures, 20 lattices" in done.stdout
    assert "change at movie.npy: frame 11: square to hexagonal, a by -1.94 Å" in done.stdout
    with Image.open("series.png") as image:
        assert np.asarray(image.convert("L")).std() > 10
    done = command("series", "answers", "--json", cwd=tmp_path)
    (change,) = json.loads(done.stdout)["changes"]
    assert (change["row"], change["classes"]) == (10, ["square", "hexagonal"])
    Path("answers/part-000001.parquet").unlink()
    done = command("series", "answers", cwd=tmp_path)
    assert "warning: answers: 1 of 2 parts are not there yet" in done.stderr
    done = command("series", ".", cwd=tmp_path)
    assert (done.returncode, done.stderr.split(";")[0]) == (1, "error: .: no folder of answers")
