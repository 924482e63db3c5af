"""The built-in benchmark keeps the promises of `jarvis_stem.prototypes`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers import REPOSITORY, command
from jarvis.core.atoms import Atoms
from jarvis.core.specie import Specie
from numpy.typing import NDArray

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.imaging import image_set
from jarvis_stem.imaging.bravais import bravais_class
from jarvis_stem.imaging.prototype_table import PROTOTYPES, Prototype
from jarvis_stem.imaging.prototypes import (
    _SAME_MOTIF,
    RESULT_NAME,
    _atoms,
    _compositions,
    _Entry,
    _formula,
    _motif,
    _radius,
    _reduced_lengths,
    write_benchmark,
)
from jarvis_stem.imaging.prototypes import benchmark as benchmark_
from jarvis_stem.imaging.prototypes import structures as structures_
from jarvis_stem.prototypes import main
from jarvis_stem.utils import errors

REAL_COUNTS = np.array([640, 382, 669, 178, 419])  # test split of stem_2d_image
NEAR_IDENTICAL = 0.99  # Pearson correlation of two programs' images of one structure

by_prototype = pytest.mark.parametrize("prototype", PROTOTYPES, ids=lambda p: p.name)


@pytest.fixture(scope="module")
def structures() -> dict[str, Atoms]:
    return structures_()


@pytest.fixture(scope="module")
def benchmark() -> dict[str, dict[str, int]]:
    return benchmark_()


def compositions(prototype: Prototype) -> list[Atoms]:
    """Every composition in the table, including those the benchmark leaves out."""
    return [_atoms(entry) for entry in _compositions(prototype)]


def known_crystal(prototype: Prototype) -> Atoms:
    """The prototype with its own elements and lattice constants."""
    a, b = prototype.a, prototype.b
    if prototype.centred:
        a, b = _reduced_lengths(prototype, a, b)
    elements = tuple(prototype.known.split())
    return _atoms(_Entry(prototype, elements, round(100 * a), round(100 * b)))


def shortest_distance(atoms: Atoms) -> float:
    """Shortest distance between two atoms, periodic images in the plane included."""
    cell, sites = np.asarray(atoms.lattice_mat), np.asarray(atoms.cart_coords)
    steps = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, [0], indexing="ij"), -1).reshape(-1, 3)
    distances = np.linalg.norm(
        sites[:, None, None] - sites[None, :, None] - (steps @ cell)[None, None], axis=-1
    )
    centre = len(steps) // 2
    distances[np.arange(len(sites)), np.arange(len(sites)), centre] = np.inf
    return float(distances.min())


def normalised(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images as zero-mean unit vectors, whose scalar products are Pearson correlations."""
    vectors = images.reshape(len(images), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_table_has_25_prototypes_of_all_classes_with_unique_names() -> None:
    assert len({prototype.name for prototype in PROTOTYPES}) == len(PROTOTYPES) >= 25
    assert {prototype.bravais_class for prototype in PROTOTYPES} == set(range(5))


def test_sources_are_complete_citations() -> None:
    for prototype in PROTOTYPES:
        assert re.fullmatch(r"[A-Z].+, .+ \d+ \(\d{4}\)", prototype.source), prototype.source


@by_prototype
def test_every_composition_has_the_declared_class(prototype: Prototype) -> None:
    classes = {bravais_class(atoms) for atoms in compositions(prototype)}
    assert classes == {prototype.bravais_class}


@by_prototype
@pytest.mark.filterwarnings("ignore:.*OLD_ERROR_HANDLING:DeprecationWarning")
def test_space_group_is_the_declared_one(prototype: Prototype) -> None:
    spglib = pytest.importorskip("spglib")
    # One element on two sites could make a composition more symmetric than its prototype.
    proper = [a for a in compositions(prototype) if len(set(a.elements)) == len(prototype.letters)]
    assert proper
    for atoms in proper:
        cell = (atoms.lattice_mat, atoms.frac_coords, atoms.atomic_numbers)
        found = spglib.get_symmetry_dataset(cell, symprec=0.01).number
        assert found == prototype.space_group, atoms.composition.reduced_formula


@by_prototype
def test_atoms_keep_their_distance(prototype: Prototype) -> None:
    assert shortest_distance(known_crystal(prototype)) > 1.2
    assert min(map(shortest_distance, compositions(prototype))) > 0.9


@pytest.mark.parametrize(
    ("identifier", "a", "b", "gamma"),
    [  # measured lattice constants of crystals other than those the table is anchored to
        ("1H-WSe2", 3.28, 3.28, 120),
        ("1T-PtSe2", 3.73, 3.73, 120),
        ("CdI2-FeCl2", 3.60, 3.60, 120),
        ("CrI3-CrCl3", 5.96, 5.96, 120),
        ("PbO-SnO", 3.80, 3.80, 90),
        ("SnS-GeSe", 3.83, 4.39, 90),
        ("1Tp-MoTe2", 3.47, 6.33, 90),
        ("TiS3-ZrS3", 5.12, 3.62, 90),
        ("ReS2-ReSe2", 6.60, 6.71, 118.9),
        ("NaMnO2-NiO2", 2.84, 3.02, 61.9),
    ],
)
def test_lattice_constants_are_within_a_tenth(
    identifier: str, a: float, b: float, gamma: float
) -> None:
    name, _, formula = identifier.rpartition("-")
    prototype = next(prototype for prototype in PROTOTYPES if prototype.name == name)
    entries = _compositions(prototype)
    atoms = next(_atoms(e) for e in entries if _formula(e) == formula)
    assert atoms.lattice.abc[:2] == pytest.approx((a, b), rel=0.1)
    assert atoms.lattice.angles[2] == pytest.approx(gamma, abs=2)


def test_radii_are_positive_for_every_element_used(structures: dict[str, Atoms]) -> None:
    elements = {element for atoms in structures.values() for element in atoms.elements}
    assert all(_radius(element) > 0 for element in elements)
    assert all(Specie(element).Z > 0 for element in elements)


def test_an_element_without_radius_is_named() -> None:
    with pytest.raises(errors.StemError, match="Xx"):
        _radius("Xx")


def test_ids_are_plain_and_name_their_prototype(structures: dict[str, Atoms]) -> None:
    names = {prototype.name for prototype in PROTOTYPES}
    for identifier in structures:
        match = re.fullmatch(r"proto-([A-Za-z0-9_.+-]+)-[A-Za-z0-9]+\.jpg", identifier)
        assert match is not None and match[1] in names, identifier


def test_cells_are_in_standard_orientation_and_of_plausible_size(
    structures: dict[str, Atoms],
) -> None:
    for identifier, atoms in structures.items():
        cell = np.asarray(atoms.lattice_mat)
        assert cell[0, 1] == cell[0, 2] == cell[1, 2] == cell[2, 0] == cell[2, 1] == 0, identifier
        assert (np.diag(cell) > 0).all(), identifier
        assert all(2.2 < length < 15 for length in atoms.lattice.abc[:2]), identifier
        heights = np.asarray(atoms.cart_coords)[:, 2]
        assert np.ptp(heights) < cell[2, 2] - 15, f"{identifier}: less than 15 Å of vacuum"


def test_splits_cover_the_structures_once(
    structures: dict[str, Atoms], benchmark: dict[str, dict[str, int]]
) -> None:
    train, test = benchmark["train"], benchmark["test"]
    assert not train.keys() & test.keys()
    assert train.keys() | test.keys() == structures.keys()
    assert len(structures) >= 1500
    assert 0.22 < len(test) / len(structures) < 0.28


def test_benchmark_classes_are_those_of_the_cells(
    structures: dict[str, Atoms], benchmark: dict[str, dict[str, int]]
) -> None:
    for split in benchmark.values():
        assert split == {identifier: bravais_class(structures[identifier]) for identifier in split}


def test_class_shares_are_those_of_the_real_benchmark(
    benchmark: dict[str, dict[str, int]],
) -> None:
    everything = [c for split in benchmark.values() for c in split.values()]
    for classes in (everything, *(list(split.values()) for split in benchmark.values())):
        shares = np.bincount(classes, minlength=5) / len(classes)
        assert np.abs(shares - REAL_COUNTS / REAL_COUNTS.sum()).max() < 0.03


def test_every_prototype_is_in_train(benchmark: dict[str, dict[str, int]]) -> None:
    names = {
        identifier.removeprefix("proto-").rpartition("-")[0] for identifier in benchmark["train"]
    }
    assert names == {prototype.name for prototype in PROTOTYPES}


def test_no_two_images_are_near_identical(structures: dict[str, Atoms]) -> None:
    """Over all pairs, and thus also between train and test."""
    images = image_set.render(structures, list(structures)).images
    # Those alike to 0.99 are as alike at every fourth pixel of a row, but for some thousandths.
    few = normalised(images[:, ::4, ::4])
    pairs = np.argwhere(np.tril(few @ few.T, k=-1) > NEAR_IDENTICAL - 0.04)
    assert len(pairs) > 100
    identifiers = list(structures)
    for one, other in pairs:
        first, second = normalised(images[[one, other]])
        assert first @ second < NEAR_IDENTICAL, (identifiers[one], identifiers[other])


def test_no_pair_is_so_close_to_the_threshold_that_rounding_could_decide() -> None:
    entries = [entry for p in PROTOTYPES for entry in _compositions(p)]
    motifs = np.stack([_motif(_atoms(entry)) for entry in entries])
    margins = np.abs(motifs @ motifs.T - _SAME_MOTIF)
    lengths = np.array([(entry.a, entry.b) for entry in entries])
    same = (np.abs(lengths[:, None] - lengths[None]) <= 0.005 * lengths[:, None]).all(axis=-1)
    assert margins[same].min() > 1e-7


def test_committed_benchmark_is_a_fresh_build(
    tmp_path: Path, benchmark: dict[str, dict[str, int]]
) -> None:
    fresh = write_benchmark(tmp_path)
    committed = REPOSITORY / "benchmarks" / fresh.relative_to(tmp_path)
    assert committed.read_bytes() == fresh.read_bytes()
    assert Benchmark.read(tmp_path, RESULT_NAME).splits == benchmark


def test_command_writes_the_benchmark_and_prints_its_size(
    tmp_path: Path, benchmark: dict[str, dict[str, int]]
) -> None:
    done = command("prototypes", "--output", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Benchmark.read(tmp_path, RESULT_NAME).splits == benchmark
    counts = [Counter(split.values()) for split in benchmark.values()]
    for index in range(5):
        assert re.search(
            rf"^{index} \w+ +{counts[0][index]} +{counts[1][index]}$", done.stdout, re.M
        )


def test_command_names_a_folder_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert cli.run(lambda: main(["--output", str(blocked)])) == 1
    assert "file" in capsys.readouterr().err
