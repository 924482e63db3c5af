"""The measurements under perf/: their options, what they keep, and the report they write."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import REAL, REPOSITORY, python
from jarvis.core.atoms import Atoms

from jarvis_stem.api import load_model
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.imaging import image_set, stem, structures
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.imaging.structures import parse_atoms
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip, write_bytes, zip_bytes

PERF = REPOSITORY / "perf"
STAGES = ["rendering", "lattices", "training", "accuracy", "prediction", "growth", "scoring", "gpu"]
SCRIPTS = (
    *(f"stage_{stage}" for stage in STAGES),
    *("performance", "growth_step", "worker", "atomvision", "geometry", "score"),
    *(
        "ablation",
        "robust_ablation",
        "training_scale",
        "motif",
        "robustness",
        "errors",
        "unseen",
        "jpeg",
        "pages",
        "runs",
        "screenshots",
        "answer",
        "answering",
        "torch_answers",
    ),
)


@pytest.fixture
def perf(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What imports a script as Python finds it when a script beside it runs."""
    monkeypatch.syspath_prepend(PERF)
    return importlib.import_module


def _training_run(seconds: float, megabytes: float, epochs: int) -> dict[str, float]:
    return {
        **{"command_s": seconds, "megabytes": megabytes, "cpu_s": 2 * seconds, "seed": 0},
        **{"epochs": epochs, "validation": 0.95, "accuracy": 0.9, "n": 2288},
    }


def canned(gpu: str | None = None) -> dict[str, Any]:
    """Results of all stages."""
    results: dict[str, Any] = {
        "rendering": {
            "sample": 8,
            "rounds": [
                {
                    "stemconv": ms,
                    "now": {"simulate": 0.25, "to_uint8": 0.25},
                    "before": {"simulate": 1.0, "to_uint8": 0.25},
                }
                for ms in (20.0, 22.0)
            ],
            "differences": {"now": 1.2e-6, "before": 2.3e-6},
            "whole": [
                {
                    build: {
                        **{"images": 8648, "ids": 9150, "reading_s": 1.5},
                        **{"rendering_s": seconds, "rendering_cpu_s": 2 * seconds},
                    }
                    for build, seconds in (("now", 3.0), ("before", 9.0))
                }
            ],
        },
        "lattices": {
            "images": 64,
            "rounds": [
                {
                    "threads": threads,
                    "now": {"measure": 2.0, "harmonics": 0.5, "alone": 8.0},
                    "before": {"measure": 6.0 / threads, "harmonics": 0.75, "alone": 20.0},
                }
                for threads in (1, 2)
            ],
            "accuracy": {
                "now": {"same": 0.971, "a_error": 1.4e-5},
                "before": {"same": 0.972, "a_error": 1.5e-5},
            },
        },
        "training": {
            "rounds": [
                {
                    "atomvision": {"train": 2.0, "evaluate": 4.0, "hours": 50.0},
                    "contributions": {"some_model": {"train": 100.0, "command_s": 20.0}},
                }
            ],
            **{"batches": 8, "batch": 16, "epochs": 50, "n_train": 7200, "n_test": 0},
            "committed": {
                "some_model": {"seconds": 1200.0, "accuracy": 0.85, "hardware": "CPU, 2 cores"}
            },
        },
        "accuracy": {
            "model": "lattice_model",
            "runs": {
                "lattice_model --until 0.9": [
                    {"now": _training_run(seconds, 1800.0, 2), "before": _training_run(70, 2000, 3)}
                    for seconds in (28.0, 31.5, 35.0)
                ],
                "lattice_model": [{"now": _training_run(50, 2048, 30)}],
            },
        },
        "prediction": {
            "images": 256,
            "rounds": [
                {
                    "some_model": {
                        "now": {"cold_ms": 4000.0, "warm_ms": 15.0, "images_per_s": 180.0},
                        "before": {"cold_ms": 5000.0, "warm_ms": 30.0, "images_per_s": 90.0},
                    },
                    "new_model": {
                        "now": {"cold_ms": 3000.0, "warm_ms": 12.0, "images_per_s": 200.0},
                        "before": None,
                    },
                    "bare_model": {"now": None, "before": None},
                }
            ],
        },
        "growth": {
            "limits_s": {"now": 300, "before": 30},
            "rows": [
                {
                    "count": count,
                    "now": {
                        "render": {"seconds": count / 4000, "megabytes": 256.0},
                        "describe": {"seconds": count / 500, "megabytes": 300.0},
                        "train": {"seconds": 9.5, "megabytes": 900.0, "epoch_s": 2.5},
                    },
                    "before": {
                        "render": {"seconds": count / 1000, "megabytes": 512.0},
                        "describe": {"seconds": count / 250, "extrapolated": True}
                        if count == 50_000
                        else {"seconds": count / 250, "megabytes": 600.0},
                        "train": {"seconds": 19.0, "megabytes": 900.0, "epoch_s": 2.5},
                    },
                }
                for count in (1000, 10_000, 50_000)
            ],
        },
        "scoring": {
            "rows": [
                {
                    "count": count,
                    "now": {"seconds": 1 + count / 400, "megabytes": 120.0},
                    "before": {"seconds": 1 + count / 200, "megabytes": 125.0},
                }
                for count in (10, 10_000)
            ],
            "reading": {"now": 0.5, "before": 1.75},
        },
        "gpu": {"gpu": None}
        if gpu is None
        else {
            "gpu": gpu,
            "atomvision": {"train": 300.0, "evaluate": 900.0},
            "contributions": {"some_model": {"train": 4000.0, "predict": 9000.0}},
        },
    }
    about = {
        "command": "python perf/performance.py",
        "date": "2026-11-23T00:00+00:00",
        "commit": "0123456789ab",
        "before": "ba9876543210",
        "benchmark": "stem_2d_image",
        "quick": False,
        "cores": 2,
        "load": 0.1,
        "seconds": 12.3,
        "python": "3.11.7",
        "packages": {"torch": "2.13.0"},
        "hardware": "CPU, 2 cores",
    }
    return {stage: {**about, "result": result} for stage, result in results.items()}


def stored(folder: Path, stages: Any) -> Path:
    """Keep results as the script does; return where its report goes."""
    (folder / "performance.json").write_text(json.dumps(stages), encoding="utf-8")
    return folder / "performance.md"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_of_every_script(
    script: str,
    perf: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module: ModuleType = perf(script)
    monkeypatch.setattr(sys, "argv", [f"perf/{script}.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert f"usage: {script}.py" in capsys.readouterr().out


def test_a_run_measures_one_stage_and_keeps_the_others(tmp_path: Path) -> None:
    before = canned()
    output = stored(tmp_path, before)
    command = ["--benchmark", "stem_2d_proto", "--quick", "--only", "rendering"]
    done = python(PERF / "performance.py", *command, "--output", output)
    assert done.returncode == 0, done.stderr
    after = json.loads((tmp_path / "performance.json").read_text())
    assert {**after, "rendering": None} == {**before, "rendering": None}
    measured = after["rendering"]
    assert measured["quick"] and measured["benchmark"] == "stem_2d_proto"
    assert measured["packages"]["torch"] and measured["seconds"] > 0
    assert measured["result"]["whole"][0]["now"]["images"] == 40
    assert measured["result"]["differences"]["now"] < 1e-5
    assert measured["before"] is None
    report = output.read_text()
    assert "**quick**" in report
    assert f"`python perf/performance.py {' '.join(command)} --output {output}`" in report


def test_report_of_all_stages(tmp_path: Path, perf: Any) -> None:
    written = []
    for _ in range(2):
        output = stored(tmp_path, canned())
        assert perf("performance").main(["--report", "--output", str(output)]) == 0
        written.append({p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()})
    assert written[0] == written[1]  # the same results give the same bytes
    report = output.read_text()
    assert len(re.findall("^## ", report, re.MULTILINE)) == len(STAGES)
    for said in (
        "| 84.0 (80.0 to 88.0) |",  # STEMConv by stem.simulate now, round by round
        "| 21.0 (20.0 to 22.0) |",  # and before
        "of their maximum at most: 2.3e-06 before, 1.2e-06 now",
        "8648 images of 9150 ids",
        "now 97.1%, |a| off by 1.4e-05",
        "ba9876543210",
        "| 50 h",
        "**extrapolated** to 50 epochs",
        "| 20.0 min",
        "0.8304 is reached",
        "no stored weights",
        "200 s, **extrapolated**",
        "There is no GPU in this machine",
    ):
        assert said in report, said
    # 7,200 images in an hour an epoch are 2 a second.
    assert re.search(r"\| some_model +\| +\| +\| +100\.0 \| +50 \| +20 s \|", report)
    assert "**quick**" not in report
    assert "nan" not in report.lower() and "None" not in report
    pictures = re.findall(r"\]\((.+?)\)", report)
    assert len(pictures) == 3
    for picture in pictures:
        assert (tmp_path / picture).read_text().endswith("</svg>\n")


def _rows(report: str) -> list[list[str]]:
    """Cells of all tables."""
    lines = [line for line in report.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_report_has_both_builds_and_their_ratio(perf: Any, tmp_path: Path) -> None:
    output = stored(tmp_path, canned())
    perf("performance").main(["--report", "--output", str(output)])
    rows = _rows(output.read_text())
    for row in (
        ["rendering, s", "9.0", "3.0", "0.33"],
        ["`measure`, ms an image", "1", "6.00", "2.00", "0.33"],
        ["`measure`, ms an image", "2", "3.00", "2.00", "0.67"],
        ["now / before", "", "0.45", "0.45", "0.90", "", "", "", ""],
        ["some_model", "one image, warm, ms", "30.0", "15.0", "0.50"],
        ["new_model", "one image, warm, ms", "", "12.0", ""],
        ["bare_model", "no stored weights", "", "", ""],
        ["rendering", "1,000", "1.0 s", "0.2 s", "0.25", "0.50 GB", "0.25 GB", "0.50"],
        [
            *("describing", "50,000", "200 s, **extrapolated**", "100.0 s", ""),
            *("not measured", "0.29 GB", ""),
        ],
        ["10,000", "51.00 s", "26.00 s", "0.51", "125 MB", "120 MB", "0.96"],
    ):
        assert row in rows, row


def test_aims_are_held_against_what_was_measured(perf: Any) -> None:
    stages = canned()
    assert perf("aims").line(stages) == (
        "**7 of 8 aims reached**: training to 0.9 of validation in 0.45 times the time before "
        "(aim: at most 0.5); with 0.9 times the memory (aim: at most 1); `measure` 3 times as fast "
        "as before (aim: at least 2); `harmonics` 1.5 times (aim: at least 2, **not reached**); "
        "one image alone in 8 ms (aim: at most 12); rendering 84 times as fast as STEMConv (aim: "
        "at least 50); reading and scoring a contribution in 0.286 times the time before (aim: at "
        "most 0.4); scoring 10,000 in 26 s (aim: at most 30)."
    )
    del stages["scoring"]["result"]["rows"][-1], stages["lattices"]
    stages["accuracy"]["result"]["runs"] = {}
    line = perf("aims").line(stages)
    assert line.startswith("**2 of 8 aims reached**")
    assert line.count("not measured") == 6


def test_report_of_this_build_alone(perf: Any, tmp_path: Path) -> None:
    def alone(results: Any) -> Any:
        if isinstance(results, dict):
            return {key: alone(of) for key, of in results.items() if key != "before"}
        return [alone(of) for of in results] if isinstance(results, list) else results

    stages = {name: {**stage, "before": None} for name, stage in alone(canned()).items()}
    output = stored(tmp_path, stages)
    perf("performance").main(["--report", "--output", str(output)])
    report = output.read_text()
    for row in (
        ["rendering, s", "3.0"],
        ["some_model", "one image, warm, ms", "15.0"],
        ["describing", "50,000", "100.0 s", "0.29 GB"],
        ["10,000", "26.00 s", "120 MB"],
    ):
        assert row in _rows(report), row
    assert "now / before" not in report
    assert "time before (aim: at most 0.5, not measured)" in report


def test_report_names_what_was_not_measured(tmp_path: Path, perf: Any) -> None:
    results = canned(gpu="NVIDIA Example")
    results["accuracy"]["result"]["runs"] = {}
    del results["rendering"], results["training"]
    output = stored(tmp_path, results)
    perf("performance").main(["--report", "--output", str(output)])
    report = output.read_text()
    assert "python perf/performance.py --only rendering" in report
    assert "there is no contribution lattice_model" in report
    assert "NVIDIA Example" in report


def test_accuracy_below_the_published_one_is_said(tmp_path: Path, perf: Any) -> None:
    results = canned()
    results["accuracy"]["result"]["runs"]["lattice_model"][0]["now"]["accuracy"] = 0.83
    output = stored(tmp_path, results)
    perf("performance").main(["--report", "--output", str(output)])
    told = output.read_text().splitlines()
    (row,) = [line for line in told if line.startswith("| `lattice_model`, now ")]
    assert "**no**" in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "rendering,speed"], "unknown stage 'speed'"),
        (["--output", "report.txt"], "expected a file that ends in .md"),
    ],
)
def test_bad_arguments_are_refused_in_words(
    arguments: list[str], message: str, perf: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        perf("performance").main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no results to report"),
        ("[1]", "expected a JSON object"),
        ("{", "not JSON"),
        ('{"results": []}', "not results of this script"),
    ],
)
def test_unusable_results_are_refused(
    content: str | None, message: str, tmp_path: Path, perf: Any
) -> None:
    if content is not None:
        (tmp_path / "performance.json").write_text(content)
    with pytest.raises(StemError, match=message):
        perf("performance").main(["--report", "--output", str(tmp_path / "performance.md")])
    assert not (tmp_path / "performance.md").exists()


def test_a_stage_that_fails_leaves_the_results_as_they_were(
    tmp_path: Path,
    perf: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "perf").mkdir()
    (tmp_path / "perf" / "stage_rendering.py").write_text("import sys; sys.exit(str(sys.argv[1:]))")
    monkeypatch.setattr(perf("measuring"), "ROOT", tmp_path)
    output = stored(tmp_path, canned())
    before = (tmp_path / "performance.json").read_bytes()
    data = str(tmp_path / "store")
    options = ["--only", "rendering", "--quick", "--data", data, "--output", str(output)]
    with pytest.raises(StemError, match="the stage rendering ended with exit status 1"):
        perf("performance").main(options)
    arguments = ["--benchmark", "stem_2d_image", "--quick", "--data", data]
    assert str(arguments) in capfd.readouterr().err
    assert (tmp_path / "performance.json").read_bytes() == before
    assert not output.exists()


def test_a_process_that_fails_is_named_with_what_it_said(perf: Any) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no more')"]
    with pytest.raises(StemError, match=r"(?s)exit status 1.*no more"):
        perf("builds").process(command)
    assert perf("builds").process([sys.executable, "-c", "print(7)"]).output == "7\n"


def test_a_build_runs_what_is_in_its_checkout(tmp_path: Path, perf: Any) -> None:
    builds = perf("builds")
    with pytest.raises(StemError, match=r"expected a checkout .* got no jarvis_stem/"):
        builds.builds(str(tmp_path))
    write_bytes(tmp_path / "jarvis_stem" / "__init__.py", b"")
    both = builds.builds(str(tmp_path))
    assert [*both] == ["now", "before"] and builds.builds(None) == {"now": both["now"]}
    for build in both.values():
        assert build.python == Path(sys.executable)
        where = build.run("-c", "import jarvis_stem; print(jarvis_stem.__file__)").output
        assert Path(where.strip()) == build.root / "jarvis_stem" / "__init__.py"
    environment = tmp_path / ".venv" / "bin" / "python"
    write_bytes(environment, b"")
    assert builds.builds(str(tmp_path))["before"].python == environment


def test_workers_of_both_builds_do_what_they_are_asked(
    perf: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    builds = perf("builds")
    options = ["--benchmark", "stem_2d_proto", "--count", "4"]
    with builds.workers(builds.builds(str(REPOSITORY)), "lattices", *options, threads=1) as ask:
        assert [*ask] == ["now", "before"]
        for of in ask.values():
            assert of("images") == 4
            assert of("accuracy")["same"] >= 0.75
            assert of("accuracy")["a_error"] < 0.01
        with pytest.raises(StemError, match="its worker of lattices ended too early"):
            ask["now"]("weigh")
    assert "KeyError: 'weigh'" in capfd.readouterr().err


def test_turns_end_when_another_one_would_take_too_long(perf: Any) -> None:
    turns = perf("measuring").turns
    assert [*turns(4, 1e9, "turns")] == [0, 1, 2, 3]
    assert [*turns(4, 0, "turns")] == [0]


def test_scoring_is_measured_by_turns_and_tabled(tmp_path: Path, perf: Any) -> None:
    score = perf("score")
    builds = score.builds(str(REPOSITORY))
    result = score.measure(tmp_path, builds, [2], 1)
    (row,) = result["rows"]
    assert row["count"] == 2
    for build in builds:
        assert row[build]["seconds"] > result["reading"][build] / 1000 > 0
        assert row[build]["megabytes"] > 10
    header, _, cells, _, reading = score.table(result).splitlines()
    assert header.split("|")[2:5] == [" wall, before ", " wall, now ", " wall, now / before "]
    assert cells.startswith("| 2 | ")
    assert "ms before" in reading
    (tmp_path / "contributions" / "model_00000" / "metadata.json").unlink()
    with pytest.raises(StemError, match=r"exit status 1[\s\S]*no such file"):
        score._score(tmp_path, builds["now"], 2)


def test_ids_are_taken_from_all_over_a_split(perf: Any) -> None:
    spread = perf("measuring").spread
    classes = {f"{n}.jpg": n % 5 for n in range(100)}
    assert list(spread(classes, 4)) == ["0.jpg", "25.jpg", "50.jpg", "75.jpg"]
    assert spread(classes, 100) == classes == spread(classes, 1000)


def test_atomvision_images_are_as_published(tmp_path: Path, perf: Any) -> None:
    x, y = np.mgrid[:256, :256]
    waves = np.sin(x / 9) + np.cos(y / 7)
    pixels = np.rint((waves - waves.min()) / np.ptp(waves) * 255).astype(np.uint8)
    perf("atomvision").write_images(tmp_path, pixels[None], [3])
    back = image_set.read_image(tmp_path / "3" / "0.jpg")
    assert np.corrcoef(back.ravel(), pixels.ravel())[0, 1] > 0.99


def test_hours_of_atomvision_count_its_evaluations(perf: Any) -> None:
    # An epoch of 3,600 images at 2 a second, then these and 1,800 more at 3 a second.
    assert perf("atomvision").hours(2, 3, 3600, 1800) == pytest.approx(50 * (0.5 + 0.5))


def test_growth_extrapolates_what_takes_too_long(perf: Any) -> None:
    expected = perf("stage_growth").expected
    rows = [{"count": n, "train": {"seconds": 10 + n / 100}} for n in (1000, 10_000)]
    assert expected(rows[:1], "train", 10_000, 1) is None
    assert expected(rows, "train", 15_000, 300) is None
    figure = expected(rows, "train", 50_000, 300)
    assert figure == {"seconds": pytest.approx(510), "extrapolated": True}
    assert expected(rows, "train", 50_000, 600) is None


def test_shares_have_wilsons_interval_and_classes_apart(perf: Any) -> None:
    shares = perf("shares")
    classes, correct = np.array([0, 0, 1, 4]), np.array([True, False, True, False])
    figures = shares.by_class(classes, correct)
    assert {name: (one["correct"], one["n"]) for name, one in figures.items()} == {
        **{"hexagonal": (1, 2), "square": (1, 1), "rectangle": (0, 0)},
        **{"rhombus": (0, 0), "parallelogram": (0, 1)},
    }
    assert shares.interval_text(figures["rhombus"]) == "-"
    assert shares.interval_text(shares.share(correct)) == "0.500 (0.150 to 0.850)"


def test_drawings_with_a_condition_left_out_give_their_places_to_others(perf: Any) -> None:
    jumping, noisy, clean = (Conditions(jump=0.1), Conditions(dose=1e4), Conditions())
    table = np.array(
        [[clean, clean, clean], [jumping, noisy, jumping], [noisy, noisy, jumping]], object
    )
    instead = perf("robust_ablation")._instead(table, ("jump",)).reshape(3, 3)
    taken = table.ravel()[instead]
    assert [one.jump for one in taken.ravel()] == [0] * 9
    assert (instead % 3 == np.arange(3)).all()  # each structure's
    assert (taken[:, 1] == table[:, 1]).all()
    assert taken[:, 0].tolist() == [clean, noisy, noisy]
    assert taken[:, 2].tolist() == [clean] * 3


def test_rotated_and_tilted_cells(perf: Any) -> None:
    def crystal(a: list[float], b: list[float], c: list[float]) -> Atoms:
        return Atoms(lattice_mat=[a, b, c], coords=[[0, 0, 0]], elements=["C"])

    found = {
        "2dm-1.jpg": crystal([3, 0, 0], [0, 4, 0], [0, 0, 20]),
        "2dm-2.jpg": crystal([3, 0.01, 0], [0, 4, 0], [0, 0, 20]),  # by 0.19 degree
        "2dm-3.jpg": crystal([3, 0.005, 0], [0, 4, 0], [0, 0, 20]),  # by 0.095 degree
        "JVASP-1.jpg": crystal([3, 3, 0], [-3, 3, 0], [0, 0, 20]),
        "2dm-4.jpg": crystal([3, 0, 0.02], [0, 4, 0], [0, 0, 20]),
        "JVASP-2.jpg": crystal([3, 0, 0], [0, 4, 0], [0.2, 0, 20]),  # by 0.57 degree
        "2dm-5.jpg": crystal([3, -0.1, -0.5], [0, 4, 0], [0, 0, 20]),
    }
    members = perf("cells").groups([*found, "b-1.jpg"], found)
    named = {name: np.flatnonzero(of).tolist() for name, of in members.items()}
    assert named == {
        "rotated": [1, 6],
        "tilted": [4, 5, 6],
        "other": [0, 2, 3],
        "no structure": [7],
    }


def test_real_cells_are_turned_as_is_known(shared: Path, perf: Any) -> None:
    benchmark = Benchmark.read(REPOSITORY / "benchmarks", REAL)
    ids = [i for classes in benchmark.splits.values() for i in classes]
    found = structures.for_dataset(REAL.dataset, ids, data=str(shared / "jarvis_data"))
    members = perf("cells").groups(ids, found)
    test = np.array([i in benchmark.split("test") for i in ids])
    assert (members["rotated"] & test).sum() == 199
    assert members["no structure"].sum() == 8
    apart = [
        of & ~members["no structure"] for name, of in members.items() if name != "no structure"
    ]
    assert np.all(apart[0] | apart[1] | apart[2] == ~members["no structure"])


def test_unseen_structures_and_jpegs_are_measured(shared: Path, tmp_path: Path, perf: Any) -> None:
    model = "lattice_model"
    rows = json.loads(read_zip(shared / "unseen_structures/mc2d.json.zip", "mc2d.json"))[:9]
    rows[0] = {**rows[0], "label": (rows[0]["label"] + 1) % 5}  # which no model can predict
    zipped = tmp_path / "structures" / "few.json.zip"
    write_bytes(zipped, zip_bytes("few.json", json.dumps(rows).encode()))
    train = Benchmark.read(REPOSITORY / "benchmarks", REAL).split("train")
    jpegs = sorted((shared / "atomvision_sample/0").iterdir())
    seen = [p for p in jpegs if p.name in train][:2]
    new = [p for p in jpegs if p.name not in train][:3]
    (tmp_path / "jpegs" / "0").mkdir(parents=True)
    for path in (*seen, *new):
        shutil.copy(path, tmp_path / "jpegs" / "0")
    shutil.copytree(REPOSITORY / "contributions" / model, tmp_path / "contributions" / model)
    options = [f"--{name}={tmp_path / name}" for name in ("structures", "jpegs", "contributions")]
    options += [f"--data={shared / 'jarvis_data'}", f"--output={tmp_path}"]
    done = python(PERF / "unseen.py", *options)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "unseen.json").read_text())
    assert (tmp_path / "unseen.md").read_text() == done.stdout == perf("unseen").page(content)
    counts = {source["name"]: source["n"] for source in content["sources"]}
    assert 0 < counts.pop("few, new") < 9  # Ag2Br2 is in train
    assert counts == {"few": 9, "published JPEGs": 5, "published JPEGs, new": 3}
    assert list(content["models"]) == [model]
    predictor = load_model(model, contributions=REPOSITORY / "contributions")
    drawn = [stem.to_uint8(stem.simulate([parse_atoms(row["atoms"], "x")]))[0] for row in rows]
    correct = predictor.predict(np.array(drawn)) == [row["label"] for row in rows]
    few = content["models"][model]["sources"]["few"]
    assert not correct[0] and few["correct"] == correct.sum() > 0
    assert sum(one["correct"] for one in few["classes"].values()) == few["correct"]


def test_look_alikes_have_the_composition_and_the_lattice_in_projection(perf: Any) -> None:
    def crystal(a: list[float], b: list[float], elements: str = "B N") -> Atoms:
        symbols = elements.split()
        coords = [[n / len(symbols), 0, 0.5] for n in range(len(symbols))]
        return Atoms(lattice_mat=[a, b, [0, 0, 20]], coords=coords, elements=symbols)

    train = [crystal([3, 0, 0], [0, 4, 0])]
    alike = [
        *train,
        crystal([0, 4, 0], [3, 0, 0]),
        crystal([3, 0, 0], [3, 4, 0]),
        crystal([6, 0, 0], [0, 4, 0], "B N B N"),  # twice the same cell
        crystal([3.02, 0, 0], [0, 4, 0]),
    ]
    new = [
        crystal([3.04, 0, 0], [0, 4, 0]),
        crystal([3, 0, 0], [0.1, 4, 0]),  # 88.6 degrees
        crystal([3, 0, 0], [0, 4, 0], "B P"),
        crystal([6, 0, 0], [0, 4, 0]),
    ]
    found = perf("unseen").without_look_alike([*alike, *new], train)
    assert found.tolist() == [False] * len(alike) + [True] * len(new)


def test_unseen_structures_that_are_not_there_are_named(tmp_path: Path, perf: Any) -> None:
    options = ["--structures", str(tmp_path), "--jpegs", str(tmp_path)]
    with pytest.raises(StemError, match=r"no \.json\.zip of structures in it"):
        perf("unseen").main(options)


@pytest.mark.parametrize(
    "folder", sorted(REPOSITORY.glob("contributions/*_model")), ids=lambda folder: folder.name
)
def test_committed_models_answer_what_torch_computes(folder: Path, perf: Any) -> None:
    comparing = perf("torch_answers")
    answered, by_torch = comparing.both_answers(folder, comparing.drawings(30))
    assert np.allclose(answered, by_torch, atol=1e-4)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_every_stage_runs(tmp_path: Path, perf: Any) -> None:
    output = tmp_path / "performance.md"
    command = ["--benchmark", "stem_2d_proto", "--quick", "--output", str(output)]
    assert perf("performance").main([*command, "--before", str(REPOSITORY)]) == 0
    assert "Not measured: `python" not in output.read_text()
    for stage in json.loads(output.with_suffix(".json").read_text()).values():
        assert stage["before"] in (stage["commit"], None)
