"""Answers of structures: they say which atoms and which cell were read."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import mx2
from numpy.typing import NDArray

from jarvis_stem import predict
from jarvis_stem.imaging import picture
from jarvis_stem.prediction import overlay
from jarvis_stem.prediction.inputs import Reading, Structures, find_inputs, read_pictures
from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.prediction.report import csv_text, report_text

READ = "MoS2, 3 atoms, 3.180 x 3.180 x 19.190 Å, 90.00 90.00 120.00°, layer group p -6 m 2 (78)"


class Even:
    """A network to which every class is as likely."""

    classes: list[int | str] = [0, 1, 2, 3, 4]  # noqa: RUF012 - as a network has them

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((len(images), 5), 0.2, np.float32)


@pytest.fixture
def mos2() -> Any:
    atoms = mx2("MoS2", a=3.18, vacuum=8)
    atoms.pbc = True
    return atoms


def outcomes_of(folder: Path) -> list[Outcome]:
    read = list(read_pictures(find_inputs([str(folder)], Structures()), Reading()))
    shown = [one for one in read if one.picture]
    answers = Predictor(Even()).answer([one.picture for one in shown if one.picture])
    answered = {
        one.name: Outcome(one.name, one.picture, answer)
        for one, answer in zip(shown, answers, strict=True)
    }
    return [answered.get(one.name, one) for one in read]


def test_answers_say_what_was_read(mos2: Any, tmp_path: Path) -> None:
    ase.io.write(tmp_path / "CONTCAR", mos2, format="vasp")
    (tmp_path / "x.cif").write_text("data_x\n")
    refused, answered = sorted(outcomes_of(tmp_path), key=lambda one: one.error is None)
    assert refused.error and refused.error.startswith(f"{tmp_path / 'x.cif'}: expected a cell")
    assert answered.answer and answered.picture
    structure = json.loads(json.dumps(answered.as_json()))["structure"]
    assert structure["formula"] == "MoS2"
    assert structure["n_atoms"] == 3
    assert structure["cell"] == pytest.approx([3.18, 3.18, 19.19, 90, 90, 120])
    assert structure["symmetry"] == "layer group p -6 m 2 (78)"
    assert READ in report_text([answered])
    figure = overlay.figure(answered.picture, answered.answer, "x")
    assert READ in figure.get_suptitle()
    both = list(csv.DictReader(io.StringIO(csv_text([refused, answered]))))
    assert [one["formula"] for one in both] == ["", "MoS2"]
    assert both[1]["cell"].startswith("3.18 3.18 19.19 90.0 90.0 ")
    assert refused.as_json()["structure"] is None


def test_layers_whose_picture_has_a_finer_lattice_say_so() -> None:
    def stacked(*offsets: int) -> Atoms:
        places = [
            ((one + offset) / 3, 2 * (one + offset) / 3, 0.4 + 0.13 * n)
            for n, offset in enumerate(offsets)
            for one in (0, 1)
        ]
        return Atoms(f"C{len(places)}", scaled_positions=places, cell=[2.46, 2.46, 25, 90, 90, 120])

    shown = {
        name: picture.of_object(stacked(*offsets))["structure"]
        for name, offsets in (("A", (0,)), ("AA", (0, 0)), ("AB", (0, 1)), ("ABC", (0, 1, 2)))
    }
    assert {name for name, one in shown.items() if one.doubts} == {"AB"}
    (answer,) = Predictor(Even()).answer([shown["AB"]])
    assert answer.lattice and answer.lattice.a == pytest.approx(1.42, abs=0.01)
    assert "the layer's own lattice, 2.460 x 2.460 Å, is coarser" in answer.reasons[-1]


def test_objects_are_predicted_alone_and_in_lists(mos2: Any) -> None:
    from pymatgen.io.ase import AseAtomsAdaptor

    structure = AseAtomsAdaptor.get_structure(mos2)
    model = Predictor(Even())
    for shown, count in ((mos2, 1), (structure, 1), ([mos2, structure, np.eye(64)], 3)):
        answers = predict(shown, model=model)
        assert len(answers) == count
        assert str(answers[0].structure) == READ
        assert answers[0].lattice and answers[0].lattice.a == pytest.approx(3.18, abs=3e-3)
