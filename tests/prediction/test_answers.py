"""Answers as a table, the same as the command's CSV."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jarvis_stem import predict
from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.predict import main
from jarvis_stem.prediction.answers import Answers


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    names = ("proto-1H-MoS2.jpg", "proto-rocksalt-PbTe.jpg")
    drawn = stem.to_uint8(stem.simulate([prototypes.structures()[name] for name in names]))
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for path, pixels in zip(paths, [*drawn, noise], strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def test_a_table_has_the_commands_columns_and_numbers(
    pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    table = predict(pictures).to_frame()
    assert main([*map(str, pictures), "--csv", "-"]) == 0
    read = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert [*table, "error"] == list(read)
    assert table["input"].tolist() == read["input"].tolist() == list(map(str, pictures))
    for name in ("confidence", "p_square", "a_px", "a_error_px", "gamma_deg"):
        assert table[name].to_numpy() == pytest.approx(read[name].to_numpy(), nan_ok=True)
    assert table["class_name"].tolist() == ["hexagonal", "square", "none"]
    assert table["class"].tolist() == [0, 1, pd.NA]
    assert table["a_angstrom"].isna().all()
    assert table["a_px"].isna().tolist() == [False, False, True]


def test_a_column_has_one_unit_and_the_same_type_whatever_is_in_it(pictures: list[Path]) -> None:
    known, unknown = predict(pictures[:1], pixel_size=0.2), predict(pictures[1:])
    both = Answers([*known, *unknown], [*known.names, *unknown.names]).to_frame()
    assert both["a_angstrom"].round(1).tolist()[:1] == [3.2]
    assert both["a_angstrom"].isna().tolist() == [False, True, True]
    assert both["a_px"].isna().tolist() == [True, False, True]
    numbers = [name for name in both if name.endswith(("_angstrom", "_px", "_deg"))]
    assert len(numbers) == 16
    for table in (known.to_frame(), unknown.to_frame(), both):
        assert {table[name].dtype for name in [*numbers, "strain"]} == {np.dtype(float)}
        assert (table["class"].dtype, table["n_atoms"].dtype) == ("Int64", "Int64")


def test_answers_are_a_list(pictures: list[Path]) -> None:
    answers = predict(pictures[0])
    assert isinstance(answers, list)
    assert [answers[0]] == answers
    assert answers.names == (str(pictures[0]),)
    assert predict([]).to_frame().empty
