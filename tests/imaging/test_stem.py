"""The renderer draws what JARVIS-Tools draws and what the benchmark's images show."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from helpers import GOLDEN, REAL
from jarvis.analysis.stem.convolution_apprx import STEMConv
from jarvis.core.atoms import Atoms

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.imaging import prototypes, stem, store, structures


def largest_error(atoms: list[Atoms]) -> float:
    ours = stem.simulate(atoms)
    theirs = np.stack([STEMConv(output_size=[256, 256]).simulate_surface(a)[0] for a in atoms])
    return float(np.max(np.abs(ours - theirs).max(axis=(1, 2)) / theirs.max(axis=(1, 2))))


def off_the_grid(atoms: Atoms) -> Atoms:
    """Strain a cell so that no atom sits on a pixel's edge, where STEMConv's rounding decides.

    The prototypes' lengths are multiples of 0.01 Å and put whole columns of atoms there.
    """
    cell = np.asarray(atoms.lattice_mat) * 1.000137
    return Atoms(lattice_mat=cell, coords=atoms.frac_coords, elements=atoms.elements)


def test_prototypes_equal_stemconv() -> None:
    every = list(prototypes.structures().values())
    assert largest_error([off_the_grid(a) for a in every[:: len(every) // 40]]) < 1e-5


@pytest.mark.parametrize("database", store.DATABASES)
def test_real_structures_equal_stemconv(database: str, shared: Path) -> None:
    records = store.read_database(database, shared / "jarvis_data")
    chosen = random.Random(7).sample(sorted(records), 40)
    assert largest_error([Atoms.from_dict(records[i]) for i in chosen]) < 1e-5


def test_atoms_of_one_element_in_one_pixel_count_once() -> None:
    cell = [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 20]]
    above = Atoms(lattice_mat=cell, coords=[[0, 0, 0.4], [0, 0, 0.6]], elements=["S", "S"])
    single = Atoms(lattice_mat=cell, coords=[[0, 0, 0.5]], elements=["S"])
    assert np.array_equal(stem.simulate([above]), stem.simulate([single]))


def test_uint8_images_span_the_range_and_a_flat_one_is_black() -> None:
    ramp = np.linspace(-3, 9, 16, dtype=np.float32).reshape(4, 4)
    grey = stem.to_uint8(np.stack([ramp, np.full((4, 4), 5, np.float32)]))
    assert grey.dtype == np.uint8
    assert (grey[0].min(), grey[0].max()) == (0, 255)
    assert np.all(grey[1] == 0)


def test_rendering_on_all_cores_keeps_the_order_and_the_incomplete_end() -> None:
    atoms = list(prototypes.structures().values())[:71]
    images = np.zeros((71, 256, 256), np.uint8)
    assert list(stem.render(atoms, images)) == [32, 64, 71]
    assert np.array_equal(images, stem.to_uint8(stem.simulate(atoms)))


def test_benchmark_classes_follow_jarvis_rule(shared: Path) -> None:
    from jarvis_stem.imaging.bravais import bravais_class

    truth = Benchmark.read(GOLDEN / "benchmarks", REAL).split("test")
    atoms = structures.for_dataset(REAL.dataset, truth, data=str(shared / "jarvis_data"))
    assert len(atoms) == 2286
    assert all(bravais_class(a) == truth[i] for i, a in atoms.items())
