"""The table of real pictures, on drawings that stand for them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import REPOSITORY
from PIL import Image

from jarvis_stem.imaging import measurement, prototypes, stem
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.utils.errors import StemError

PICTURES = {"hexagonal": "proto-graphene-C.jpg", "square": "proto-rocksalt-PbTe.jpg"}
COLUMNS = (
    *("file", "source", "material", "kind", "class", "pixel_size", "picture_a", "picture_b"),
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(REPOSITORY / "perf")
    return importlib.import_module("real_pictures")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A hexagonal and a square picture, noise, and one that the table calls wrong on purpose."""
    conditions = Conditions(dose=1e5, shear=0.02, rotation=9)
    rows = ["\t".join(COLUMNS)]
    for kind, name in [*PICTURES.items(), ("rectangle", PICTURES["square"])]:
        (image,) = stem.simulate([prototypes.structures()[name]], conditions)
        Image.fromarray(image).save(tmp_path / f"{kind}.tif")
        a, b = measurement.measure(stem.to_uint8(image[None])).lengths[0]
        numbers = ("0.2", f"{a:.3f}", f"{b:.3f}")
        rows.append("\t".join((f"{kind}.tif", "here", name, "crystal", kind, *numbers)))
    noise = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    Image.fromarray(noise).save(tmp_path / "noise.tif")
    rows.append("\t".join(("noise.tif", "here", "-", "empty", "none", "", "", "")))
    rows.append("\t".join(("absent.tif", "there", "-", "crystal", "square", "", "", "")))
    (tmp_path / "table.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_table(
    script: Any, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "docs"
    assert script.main(["--images", str(images), "--no-ablation", "--output", str(output)]) == 0
    found = json.loads((output / "real_pictures.json").read_text())
    now = found["now"]
    assert (now["class"]["right"], now["class"]["of"]) == (2, 3)
    assert now["averaged"] == pytest.approx(2 / 3)
    assert (now["lattice"]["right"], now["lattice"]["of"]) == (3, 3)
    assert (now["none"]["right"], now["none"]["of"]) == (1, 1)
    assert sum(one["of"] for one in now["reliability"]) == 3
    assert set(now["classes"]) == {"hexagonal", "square", "rectangle"}
    page = (output / "real_pictures.md").read_text()
    assert page in capsys.readouterr().out
    assert "| `rectangle.tif` | rectangle | **wrong** square |" in page
    assert "absent" not in page


def test_parts_are_left_out_and_put_back(script: Any, images: Path) -> None:
    kept = script.domains.evened_and_stretched, script.domains._boxes
    model = script.load_model()
    without = script.ablation(script.read_table(images), images, model)
    assert len(without) == 3
    assert all(one["class"]["of"] == 3 for one in without.values())
    assert (script.domains.evened_and_stretched, script.domains._boxes) == kept


def test_a_folder_without_pictures_is_named(script: Any, tmp_path: Path) -> None:
    with pytest.raises(StemError, match=r"table\.tsv: cannot be read"):
        script.read_table(tmp_path)
    (tmp_path / "table.tsv").write_text("file\tclass\nx.png\tsquare\n")
    with pytest.raises(StemError, match=r"table\.tsv: none of its 1 pictures is in"):
        script.read_table(tmp_path)


def test_an_earlier_build_that_does_not_run_is_named(
    script: Any, images: Path, tmp_path: Path
) -> None:
    python = tmp_path / "earlier/.venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'no such build' >&2\nexit 3\n")
    python.chmod(0o755)
    with pytest.raises(StemError, match="earlier: no such build"):
        script.answered_before(script.read_table(images), images, tmp_path / "earlier")
    answers = [["hexagonal", 0.5, [2.47, 2.48], []], *[[None, 0, None, ["not read"]]] * 3]
    python.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{json.dumps(answers)}'\n")
    rows = script.answered_before(script.read_table(images), images, tmp_path / "earlier")
    assert [row["answer"] for row in rows] == ["hexagonal", *["not read"] * 3]
    assert [row["near"] for row in rows][1:] == [False, False, None]
