"""The leakage report: what is alike, whose label is on edge, the command and its pages."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import PROTO, REAL, SMALL, add_benchmark, command
from jarvis.core.atoms import Atoms
from numpy.typing import NDArray

from jarvis_stem import audit, cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.formats.published import Reference
from jarvis_stem.imaging import label_moves, leakage, leakage_report, prototypes, stem, structures
from jarvis_stem.imaging.bravais import bravais_class
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_bytes, zip_bytes

MEMBERS = ("d2-12-12-2022.json", "c2db_atoms.json", "twodmatpd.json")
CORRELATION = re.compile(r"\b[01]\.\d{6}\b")
COMMITTED = (REAL.dataset, PROTO.dataset)


def crystal(
    a: float,
    b: float,
    gamma: float,
    elements: str = "B N",
    sites: tuple[tuple[float, float], ...] = ((1 / 3, 2 / 3), (2 / 3, 1 / 3)),
) -> Atoms:
    """A flat crystal in standard orientation."""
    angle = math.radians(gamma)
    return Atoms(
        lattice_mat=[[a, 0, 0], [b * math.cos(angle), b * math.sin(angle), 0], [0, 0, 20]],
        coords=[[x % 1, y % 1, 0.5] for x, y in sites],
        elements=elements.split(),
        cartesian=False,
    )


def render(*crystals: Atoms) -> NDArray[np.uint8]:
    return stem.to_uint8(stem.simulate(crystals))


def shifted(x: float, y: float) -> tuple[tuple[float, float], ...]:
    """The sites of `crystal` from another origin, wrapped into the cell."""
    return ((1 / 3 + x, 2 / 3 + y), (2 / 3 + x, 1 / 3 + y))


def correlate(one: Atoms, other: Atoms) -> tuple[float, float, float]:
    """Correlations by pixels, by spectrum, and by shifted pixels."""
    first, second = render(one), render(other)
    by_spectrum = leakage.correlations(leakage.spectra(first), leakage.spectra(second), "spectrum")
    return (
        leakage.correlations(first, second, "pixels").item(),
        by_spectrum.item(),
        leakage.shifted_correlation(first[0], second[0]),
    )


# What the figures are made of.


def test_all_pairs_are_compared() -> None:
    found = leakage.equal([("B", 1), ("N", 1)], [("N", 1), ("C", 1), ("N", 1), ("B", 1)])
    assert found.tolist() == [[False, False, False, True], [True, False, True, False]]


def test_correlations_are_pearsons_over_all_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leakage, "_TEST_BLOCK", 3)
    monkeypatch.setattr(leakage, "_TRAIN_BLOCK", 4)
    random = np.random.default_rng(0)
    test = random.integers(0, 256, (7, 8, 8), dtype=np.uint8)
    train = random.integers(0, 256, (10, 8, 8), dtype=np.uint8)
    train[9] = 255 - test[6]
    found = leakage.correlations(test, train, "pixels")
    expected = np.corrcoef(test.reshape(7, -1), train.reshape(10, -1))[:7, 7:]
    np.testing.assert_allclose(found, expected, atol=6e-7)
    assert found[6, 9] == -1


def test_another_origin_hides_a_copy_from_pixels_alone() -> None:
    pixels, spectrum, moved = correlate(
        crystal(3, 4, 90), crystal(3, 4, 90, sites=shifted(0.4, 0.45))
    )
    assert pixels < 0.5
    assert spectrum > 0.999
    assert moved > 0.95


def test_upside_down_copies_are_the_same_picture() -> None:
    upside_down = crystal(3, 4, 100, sites=((2 / 3, 1 / 3), (1 / 3, 2 / 3)))
    pixels, spectrum, moved = correlate(crystal(3, 4, 100), upside_down)
    assert pixels < 0.99
    assert spectrum > 0.9999
    assert moved > 0.99


def test_motifs_that_differ_in_phases_only_are_not_the_same_picture() -> None:
    # Si scatters a quarter of Ge: Ge between Si has the amplitudes of an empty site between Ti.
    filled = crystal(3.5, 3.5, 120, "Ge Si Si", ((0, 0), (1 / 3, 2 / 3), (2 / 3, 1 / 3)))
    _, spectrum, moved = correlate(filled, crystal(3.5, 3.5, 120, "Ti Ti"))
    assert spectrum > 0.999
    assert moved < 0.8


def test_another_lattice_is_unlike_in_every_way() -> None:
    assert max(correlate(crystal(3, 4, 90), crystal(3.3, 4.4, 80))) < 0.9


@pytest.mark.parametrize("step", [(0, 0), (13, -20), (-48, 48)])
@pytest.mark.parametrize("turned", [False, True])
def test_shifts_are_found(step: tuple[int, int], turned: bool) -> None:
    image = np.random.default_rng(1).integers(0, 256, (256, 256), dtype=np.uint8)
    other = np.roll(image, step, axis=(0, 1))
    other = other[::-1, ::-1].copy() if turned else other
    assert leakage.shifted_correlation(image, other) == pytest.approx(1, abs=1e-9)


def test_shifts_beyond_half_a_cell_are_not_looked_for() -> None:
    image = np.random.default_rng(1).integers(0, 256, (256, 256), dtype=np.uint8)
    assert leakage.shifted_correlation(image, np.roll(image, 49, axis=0)) < 0.1


# Labels.


def repr_in_order(value: object) -> str:
    """A set's own order changes from process to process."""
    return "+".join(sorted(value)) if isinstance(value, set) else str(value)


@pytest.mark.parametrize(
    ("cell", "gamma", "a", "both", "more_symmetric"),
    [
        ((3, 3, 120), {"rhombus"}, {"parallelogram"}, {"rhombus", "parallelogram"}, False),
        ((3, 3, 90), {"rhombus"}, {"rectangle"}, {"rhombus", "rectangle", "parallelogram"}, False),
        ((3, 3, 120.014), {"hexagonal"}, {"parallelogram"}, {"hexagonal", "parallelogram"}, True),
        ((3, 3, 59.986), {"hexagonal"}, {"parallelogram"}, {"hexagonal", "parallelogram"}, True),
        ((3, 3, 120.016), set(), {"parallelogram"}, {"parallelogram"}, False),
        (
            (3, 3.012, 90),
            {"parallelogram"},
            {"square"},
            {"parallelogram", "square", "rhombus"},
            True,
        ),
        ((3, 3.016, 90), {"parallelogram"}, set(), {"parallelogram"}, False),
        ((3, 3.012, 100), set(), {"rhombus"}, {"rhombus"}, True),
        ((3, 4, 90.014), {"rectangle"}, set(), {"rectangle"}, True),
        ((3, 4, 100), set(), set(), set(), False),
    ],
    ids=repr_in_order,
)
def test_classes_a_cell_can_move_to(
    cell: tuple[float, float, float],
    gamma: set[str],
    a: set[str],
    both: set[str],
    more_symmetric: bool,
) -> None:
    found = label_moves.changes([crystal(*cell)], 0.01)
    for kind, expected in (("gamma", gamma), ("a", a), ("both", both)):
        assert {row["to"] for row in found[kind]["to"]} == expected
        assert found[kind]["ids"] == sum(found[kind]["of_class"].values()) == bool(expected)
    assert found["both"]["more_symmetric"] == more_symmetric


def test_equal_lengths_part_where_a_step_of_the_rounding_ends() -> None:
    cells = [crystal(x, x, 120) for x in (3.0046, 3.0044, 3)]  # rounded to 3.00 up to 3.005
    assert label_moves.changes(cells, 0.001)["a"]["ids"] == 2
    assert label_moves.changes(cells, 0.0005)["a"]["ids"] == 1
    assert label_moves.changes(cells, 0.001)["gamma"]["ids"] == 0


def test_without_a_move_it_is_the_benchmarks_rule() -> None:
    built_in = list(prototypes.structures().values())
    found = label_moves.changes(built_in, 0)
    assert [found[kind]["ids"] for kind in found] == [0, 0, 0]
    cells = [(*atoms.lattice.abc[:2], atoms.lattice.angles[2]) for atoms in built_in]
    assert [label_moves.rule_class(*cell) for cell in cells] == [bravais_class(a) for a in built_in]


# The command on a made-up benchmark whose figures are known.


def add_store(folder: Path, crystals: dict[str, Atoms]) -> Path:
    """A store of JARVIS databases, all crystals in the first of them."""
    rows = [{"jid": i, "atoms": atoms.to_dict()} for i, atoms in crystals.items()]
    for member in MEMBERS:
        content = json.dumps(rows if member == MEMBERS[0] else []).encode()
        write_bytes(folder / f"{member}.zip", zip_bytes(member, content))
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a benchmark ``small``, a store of its structures, and its report in docs."""
    root = tmp_path_factory.mktemp("audit")
    crystals = {
        "rectangle": crystal(3, 4, 90),
        "same": crystal(3, 4, 90),
        "lie": crystal(3, 4, 90),
        "moved": crystal(3, 4, 90, sites=shifted(0.4, 0.45)),
        "edge": crystal(5, 5, 120.014, "Pd H"),
        "hexagonal": crystal(5, 5, 120, "H Pd", ((2 / 3, 1 / 3), (1 / 3, 2 / 3))),
        "other": crystal(6, 7, 100, "Ga As"),
    }
    train = {"rectangle.jpg": 2, "hexagonal.jpg": 0, "absent.jpg": 1}
    test = {"same.jpg": 2, "lie.jpg": 3, "moved.jpg": 2, "edge.jpg": 3, "other.jpg": 4, "no.jpg": 1}
    add_benchmark(root / "benchmarks", SMALL, {"train": train, "test": test})
    add_store(root / "store", crystals)
    assert audit.main(options(root)) == 0
    return root


def options(root: Path, *extra: str) -> list[str]:
    arguments = ["--benchmark", "small", "--benchmarks", str(root / "benchmarks")]
    return [*arguments, "--data", str(root / "store"), "--output", str(root / "docs"), *extra]


@pytest.fixture(scope="module")
def figures(small: Path) -> dict[str, Any]:
    return json.loads((small / "docs/audit/small_bravais_class.json").read_text())


def test_known_copies_are_counted(figures: dict[str, Any]) -> None:
    assert figures["coverage"] == {
        "train": {"ids": 3, "with_structure": 2},
        "test": {"ids": 6, "with_structure": 5},
    }
    two_copies = {
        "test_ids": 2,
        "only_same_class": 1,
        "mixed_classes": 0,
        "only_other_class": 1,
        "same_formula": 2,
    }
    assert figures["identical"] == two_copies
    by_pixels = figures["alike"]["pixels"]["at_least"][0]
    edge = {"test_ids": 3, "only_other_class": 2, "same_formula": 3}  # 0.014 degree make no image
    assert by_pixels == {"correlation": 0.9999, **two_copies, **edge, "nearest_right": 1}
    by_spectrum = figures["alike"]["spectrum"]["at_least"][1]
    assert (by_spectrum["correlation"], by_spectrum["test_ids"]) == (0.999, 4)
    assert (by_spectrum["only_same_class"], by_spectrum["only_other_class"]) == (2, 2)
    assert figures["shifted"]["test_ids"] == figures["shifted"]["same_picture"] == 4


def test_the_most_similar_pairs_and_their_histogram(figures: dict[str, Any]) -> None:
    likeness = figures["alike"]["pixels"]
    assert likeness["top"][0] == {
        "correlation": 1.0,
        "test": "same.jpg",
        "test_class": "rectangle",
        "test_formula": "BN",
        "train": "rectangle.jpg",
        "train_class": "rectangle",
        "train_formula": "BN",
    }
    assert len(likeness["top"]) == 5
    assert sum(row["test_ids"] for row in likeness["histogram"]) == 5
    assert likeness["histogram"][-1] == {"from": 0.9999, "below": None, "test_ids": 3}
    for measure in figures["alike"].values():
        right = sum(pair["test_class"] == pair["train_class"] for pair in measure["top"])
        assert measure["nearest_neighbour"] == {"correct": right, "accuracy": right / 5}


def test_formulas_are_the_same_in_any_order_of_elements(figures: dict[str, Any]) -> None:
    # BN: same, moved (its class), lie (another); HPd of edge is PdH of hexagonal, another class.
    assert figures["formula"] == {
        "test_ids": 4,
        "only_same_class": 2,
        "mixed_classes": 0,
        "only_other_class": 2,
        "same_formula": 4,
    }


def test_labels_on_edge_and_against_the_rule(figures: dict[str, Any]) -> None:
    (wrong,) = figures["labels"]["against_the_rule"]
    assert wrong == {
        "split": "test",
        "id": "lie.jpg",
        "class": "rhombus",
        "rule": "rectangle",
        "a": 3.0,
        "b": 4.0,
        "gamma": 90.0,
    }
    small_move, large_move = figures["labels"]["moves"]
    assert small_move["test"]["both"]["ids"] == 0
    assert large_move["test"]["gamma"]["of_class"]["rhombus"] == 1
    assert large_move["test"]["gamma"]["more_symmetric"] == 1
    assert large_move["train"]["gamma"]["ids"] == 2


def test_the_page_shows_the_figures(small: Path, figures: dict[str, Any]) -> None:
    page = (small / "docs/audit/small_bravais_class.md").read_text()
    assert page == leakage_report.report_markdown(figures)
    assert "| test | 6 | 5 |" in page
    assert "| byte for byte | 1 | 2 | 1 | 0 | 1 | - | 2 |" in page
    assert "| 1.000000 | lie.jpg | rhombus | BN | rectangle.jpg | rectangle | BN |" in page
    assert "| test | lie.jpg | rhombus | rectangle | 3.0 | 4.0 | 90.0 |" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(row.endswith("|") for row in rows)


def test_a_second_run_writes_the_same_bytes(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main([*options(small, "--json"), "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for path in sorted((small / "docs/audit").iterdir()):
        assert (tmp_path / "audit" / path.name).read_bytes() == path.read_bytes()
    assert printed == (tmp_path / "audit/small_bravais_class.json").read_text()


def test_the_terminal_gets_the_findings_and_the_page(small: Path) -> None:
    done = command("audit", *options(small))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Memory: of 5 test images 2 are in train byte for byte")
    assert lines[-1] == f"page: {small}/docs/audit/small_bravais_class.md"


def test_a_quiet_audit_writes_and_says_nothing(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main([*options(small, "--quiet"), "--output", str(tmp_path)]) == 0
    assert tuple(capsys.readouterr()) == ("", "")
    assert (tmp_path / "audit/small_bravais_class.md").exists()


# What goes wrong is said.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--benchmark", "stem_3d"], "similar: AI/ImageClass/small_bravais_class.json.zip"),
        (["--benchmarks", "nowhere"], "nowhere: no such folder of benchmarks"),
        (["--data", "nowhere"], "nowhere: no such folder (given by --data)"),
    ],
)
def test_wrong_arguments_are_refused_in_words(
    arguments: list[str], message: str, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = small / "refused"
    arguments = [*options(small), "--output", str(output), *arguments]
    assert cli.run(lambda: audit.main(arguments)) == 1
    assert message in capsys.readouterr().err
    assert not output.exists()


def refused(root: Path, splits: dict[str, Any], message: str) -> None:
    add_benchmark(root / "benchmarks", SMALL, splits)
    add_store(root / "store", {"known": crystal(3, 4, 90)})
    with pytest.raises(StemError, match=message):
        audit.main(options(root))
    assert not (root / "docs").exists()


def test_splits_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    known, unknown = {"known.jpg": 2}, {"x.jpg": 1, "y.jpg": 2}
    refused(tmp_path, {"train": known, "test": unknown}, "none of the 2 test ids of .* has a ")
    refused(tmp_path, {"train": unknown, "test": known}, "none of the 2 train ids of")
    refused(tmp_path, {"test": known}, "no ids in a split 'train'")
    refused(tmp_path, {"train": {"z.jpg": "cubic"}, "test": known}, "classes 0 to 4, got 'cubic'")
    refused(tmp_path, {"train": {"z.jpg": 7}, "test": known}, "classes 0 to 4, got 7")


def test_an_output_that_cannot_be_written_is_named(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    arguments = [*options(small), "--output", str(tmp_path)]
    assert cli.run(lambda: audit.main(arguments)) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/audit: ")


# What the repository publishes.


@pytest.mark.parametrize("dataset", COMMITTED)
def test_committed_pages_agree_with_the_committed_figures(dataset: str, repository: Path) -> None:
    path = repository / "docs" / "audit" / f"{dataset}_bravais_class.json"
    figures = json.loads(path.read_text())
    assert json_text(figures) == path.read_text()
    assert leakage_report.report_markdown(figures) == path.with_suffix(".md").read_text()
    name = bravais_result(dataset)
    benchmark = Benchmark.read(repository / "benchmarks", name)
    for split, row in figures["coverage"].items():
        assert row["ids"] == len(benchmark.split(split))


def test_the_real_figures_are_of_the_structures_known_to_be_there(repository: Path) -> None:
    path = repository / "docs" / "audit" / "stem_2d_image_bravais_class.json"
    figures = json.loads(path.read_text())
    without = Reference.read(repository / "benchmarks", REAL).without_structure
    test = figures["coverage"]["test"]
    assert test["ids"] - test["with_structure"] == len(without) > 0


def regenerated(dataset: str, repository: Path, output: Path, *extra: str) -> None:
    arguments = ["--benchmark", dataset, "--benchmarks", str(repository / "benchmarks")]
    assert audit.main([*arguments, "--output", str(output), *extra]) == 0
    for suffix in (".json", ".md"):
        path = Path("audit", f"{dataset}_bravais_class{suffix}")
        now, before = ((folder / path).read_text() for folder in (output, repository / "docs"))
        assert CORRELATION.sub("", now) == CORRELATION.sub("", before)
        # Images, and with them the last digit, depend on how a processor rounds.
        found, known = (list(map(float, CORRELATION.findall(text))) for text in (now, before))
        assert found == pytest.approx(known, abs=5e-6)
        assert known


def test_the_built_in_report_is_what_the_command_writes(repository: Path, tmp_path: Path) -> None:
    regenerated(PROTO.dataset, repository, tmp_path)


@pytest.mark.nightly
def test_the_real_report_is_what_the_command_writes(
    repository: Path, shared: Path, tmp_path: Path
) -> None:
    regenerated(REAL.dataset, repository, tmp_path, "--data", str(shared / "jarvis_data"))


@pytest.mark.nightly
def test_the_rule_of_the_report_is_the_benchmarks_on_all_real_structures(
    repository: Path, shared: Path
) -> None:
    benchmark = Benchmark.read(repository / "benchmarks", REAL)
    ids = [i for split in benchmark.splits.values() for i in split]
    found = structures.for_dataset(REAL.dataset, ids, data=str(shared / "jarvis_data"))
    assert len(found) == 9142
    for atoms in found.values():
        cell = (*atoms.lattice.abc[:2], atoms.lattice.angles[2])
        assert label_moves.rule_class(*cell) == bravais_class(atoms)
