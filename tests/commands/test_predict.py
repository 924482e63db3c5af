"""The command for anybody's pictures: every kind of input, every output, every fault by name."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from helpers import PATIENCE, REPOSITORY, python, start
from jarvis.io.vasp.inputs import Poscar
from microscope_files import digital_micrograph, ncem, velox, zspy
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.predict import main
from jarvis_stem.utils.errors import StemError

SQUARE, HEXAGONAL = "proto-rocksalt-PbTe", "proto-graphene-C"
KEYS = [
    *("input", "class", "class_name", "lattice_name", "probabilities", "confidence"),
    *("lattice", "symmetric", "further", "quality", "pixel_size", "pixel_size_from", "frame"),
    "structure",
    *("reasons", "error"),
]
Pixels = NDArray[Any]


def drawn(name: str) -> Pixels:
    return stem.to_uint8(stem.simulate([prototypes.structures()[f"{name}.jpg"]]))[0]


@pytest.fixture(scope="module")
def square() -> Pixels:
    return drawn(SQUARE)


@pytest.fixture(autouse=True)
def anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JARVIS_STEM_DATA", raising=False)


def save(path: str, pixels: Pixels) -> str:
    Image.fromarray(pixels).save(path)
    return path


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_what_a_person_sees(
    square: Pixels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([save("x.png", square)]) == 0
    out, err = capsys.readouterr()
    first, second, third = out.splitlines()
    assert first.startswith("x.png  square 1.00")
    assert second.split() == ["a", *second.split()[1:]]
    assert second.strip().startswith("a 22.000")
    assert " px, b 22.000" in second and "°" in second
    assert third.startswith("px: neither the file nor --pixel-size says")
    assert (err, list(tmp_path.iterdir())) == ("", [tmp_path / "x.png"])


def test_colours_are_for_terminals(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    main([save("x.png", square)])
    assert "\x1b" not in capsys.readouterr().out


def test_json_has_every_key_for_every_input(
    square: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    save("square.png", square)
    Path("text.png").write_text("hello")
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    inputs = ["text.png", "square.png", save("noise.png", noise)]
    bad, good, lost = as_json(capsys, *inputs, status=1)
    assert [list(one) for one in (bad, good, lost)] == [KEYS] * 3
    assert [one["input"] for one in (bad, good, lost)] == inputs
    assert bad["error"].startswith("text.png: not a readable image")
    assert {bad[key] for key in KEYS if key not in ("input", "error", "reasons", "further")} == {
        None
    }
    assert (good["class"], good["class_name"], good["error"], good["reasons"]) == (
        *(1, "square", None),
        [],
    )
    assert good["probabilities"]["square"] == good["confidence"] > 0.9
    assert good["lattice"]["a"] == pytest.approx(22, abs=5e-3)
    assert good["lattice"]["unit"] == "px"
    assert 0 < good["lattice"]["a_error"] < 1e-2
    assert (lost["lattice"], lost["reasons"]) == (None, ["no lattice found"])
    assert (lost["class"], lost["class_name"]) == (None, "none")
    assert sum(lost["probabilities"].values()) == pytest.approx(1)


def test_a_bad_file_is_named_and_the_others_are_answered(
    square: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("text.png").write_text("hello")
    assert main(["text.png", save("x.png", square), "nowhere/y.png"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("x.png")
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["error", "text.png"],
        ["error", "nowhere/y.png"],
    ]


@pytest.mark.parametrize("name", ["x" * 5000, "/".join(["y" * 200] * 30), "z" * 300 + ".png"])
def test_an_argument_that_is_too_long_is_named_and_the_others_are_answered(
    name: str, square: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    save("x.png", square)
    assert main([name, "x.png", "--json"]) == 1
    out, err = capsys.readouterr()
    failed, answer = json.loads(out)
    assert failed["error"]
    assert answer["class_name"] == "square"
    assert err.startswith(f"error: {name[:100]}")
    assert err.count("\n") == 1


def test_help_says_when_code_of_a_contribution_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "No code of a contribution is run: its stored model is a graph" in said
    assert "--trust-code executes, with all that you may do, the model.py" in said


def test_nothing_is_kept_of_an_answer_in_the_users_folders(square: Pixels, tmp_path: Path) -> None:
    save("x.png", square)
    home = tmp_path / "home"
    home.mkdir()
    done = start(
        [sys.executable, "-m", "jarvis_stem.predict", "x.png", "--json"],
        tmp_path,
        HOME=str(home),
        XDG_CACHE_HOME=str(home),
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in home.rglob("*") if path.is_file()] == []


def test_nothing_readable(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.png").touch()
    Path("folder").mkdir()
    assert main(["empty.png", "folder"]) == 1
    out, err = capsys.readouterr()
    assert out.strip() == ""
    assert "empty.png: not a readable image" in err
    assert "folder: no image and no structure in it" in err


def test_csv(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    save('a,"b".png', square)
    Path("text.png").write_text("hello")
    high = save("high.png", square[:, :200])
    assert main(['a,"b".png', "text.png", high, "--csv", "new/x.csv"]) == 1
    assert 'a,"b".png' in capsys.readouterr().out
    assert main(['a,"b".png', "text.png", high, "--csv", "-"]) == 1
    assert capsys.readouterr().out == Path("new/x.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(Path("new/x.csv").read_text(encoding="utf-8"))))
    assert [row["input"] for row in rows] == ['a,"b".png', "text.png", "high.png"]
    assert [row["class_name"] for row in rows[:2]] == ["square", ""]
    assert sum(float(rows[0][f"p_{name}"]) for name in ("square", "rhombus", "rectangle")) > 0.9
    assert float(rows[0]["a_px"]) == pytest.approx(22, abs=5e-3)
    assert (rows[0]["a_angstrom"], rows[0]["further"], rows[0]["lattice_name"]) == (
        *("", "0"),
        "square",
    )
    assert rows[1]["error"].startswith("text.png: ")
    assert rows[2]["reasons"].startswith("not square")


def test_csv_without_any_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere.png", "--csv", "-"]) == 1
    head, row = csv.reader(io.StringIO(capsys.readouterr().out))
    assert len(head) == len(row)


@pytest.mark.parametrize(
    "outputs", [("--json", "--csv", "-"), ("--jsonl", "--csv", "-"), ("--json", "--jsonl")]
)
def test_two_to_standard_output_are_refused(outputs: Sequence[str], square: Pixels) -> None:
    with pytest.raises(click.UsageError, match="both print"):
        main([save("x.png", square), *outputs])


def test_lines_of_json(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.png").write_text("hello")
    inputs = ["text.png", save("ü.png", square), save("y.png", square[::-1])]
    answers = as_json(capsys, *inputs, status=1)
    assert main([*inputs, "--jsonl", "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == answers
    assert '"ü.png"' in out
    assert err.startswith("error: text.png: not a readable image")
    assert main([*inputs, "--jsonl", "--plot", "p", "--csv", "x.csv"]) == 1
    assert capsys.readouterr().out == out
    assert sorted(path.name for path in Path("p").iterdir()) == ["y.png", "ü.png"]
    assert len(Path("x.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_a_line_is_printed_before_the_next_input_is_read(
    square: Pixels, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [save(f"{n}.png", square) for n in range(3)]
    seen = []
    command = sys.modules["jarvis_stem.predict"]  # jarvis_stem.predict is the function
    read = command.read_input

    def watched(name: str, *rest: Any) -> Any:
        seen.append(len(capsys.readouterr().out.splitlines()))
        return read(name, *rest)

    monkeypatch.setattr(command, "read_input", watched)
    assert main([*inputs, "--jsonl"]) == 0
    assert seen == [0, 1, 1]


def test_a_reader_that_takes_only_the_first_line(square: Pixels) -> None:
    inputs = " ".join(save(f"{n}.png", square) for n in range(3))
    predict = f"{sys.executable} -m jarvis_stem predict {inputs} --jsonl"
    done = start(["bash", "-c", f"{predict} | head -1; echo ${{PIPESTATUS[0]}}"], Path.cwd())
    line, status = done.stdout.splitlines()
    assert json.loads(line)["class_name"] == "square"
    assert (status, done.stderr) == ("141", "")


def test_a_terminal_for_progress_gets_no_answers(square: Pixels) -> None:
    save("x.png", square)
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "jarvis_stem", "predict", "x.png", "--jsonl"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        stderr=slave,
        timeout=PATIENCE,
        check=True,
    )
    os.close(slave)
    shown = os.read(master, 2**16).decode()
    os.close(master)
    assert json.loads(done.stdout)["class_name"] == "square"
    assert "Answering" in shown and "class_name" not in shown


def test_answers_on_a_terminal_have_colours_and_names_none(square: Pixels) -> None:
    save("\x1b[30mx.png", square[:200])
    master, slave = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "jarvis_stem", "predict", "\x1b[30mx.png"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm-256color"},
        stdout=slave,
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=True,
    )
    os.close(slave)
    shown = os.read(master, 2**16).decode()
    os.close(master)
    assert "\\x1b[30mx.png" in shown
    assert "\x1b[30m" not in shown
    assert "\x1b[1;33mnot square" in shown


def test_a_microscopes_picture(capsys: pytest.CaptureFixture[str]) -> None:
    atoms = prototypes.structures()[f"{HEXAGONAL}.jpg"]
    conditions = Conditions(dose=3e3, shear=0.03, rotation=9)
    save("x.tif", stem.simulate([atoms], conditions)[0])
    assert main(["x.tif", "--pixel-size", "0.2", "--plot", "--csv", "x.csv"]) == 0
    out, err = capsys.readouterr()
    first, second, third, *_ = out.splitlines()
    assert first.startswith("x.tif  hexagonal 0.")
    assert second.strip().startswith("a 2.4")
    assert third.strip().startswith("nearest: a 2.4")
    assert err == "answers: x.csv\nplot: lattices/x.png\n"
    assert plotted("lattices/x.png")
    (row,) = csv.DictReader(io.StringIO(Path("x.csv").read_text(encoding="utf-8")))
    assert float(row["a_angstrom"]) == pytest.approx(2.46, abs=0.1)
    assert row["a_px"] == ""
    assert float(row["symmetric_gamma_deg"]) == pytest.approx(60)
    assert 0.01 < float(row["strain"]) < 0.06
    (exact,) = as_json(capsys, "x.tif", "--pixel-size", "0.2", "--distortion", "0")
    assert exact["symmetric"] is None
    for percent in ("-1", "21"):
        with pytest.raises(click.BadParameter):
            main(["x.tif", "--distortion", percent])


def test_quiet(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    save("x.png", square)
    Path("notes.txt").touch()
    assert main([".", "--quiet", "--csv", "x.csv"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("x.csv").is_file()


def test_a_folder(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    Path("scans/inner").mkdir(parents=True)
    save("scans/b.tif", square)
    digital_micrograph(Path("scans/a.dm3"), square)
    atoms = prototypes.structures()[f"{HEXAGONAL}.jpg"]
    Path("scans/POSCAR").write_text(str(Poscar(atoms)))
    Path("scans/notes.txt").touch()
    save("scans/inner/c.png", square)
    assert main(["scans", "--json"]) == 0
    out, err = capsys.readouterr()
    answers = json.loads(out)
    assert [answer["input"] for answer in answers] == ["scans/POSCAR", "scans/a.dm3", "scans/b.tif"]
    assert [answer["class_name"] for answer in answers] == ["hexagonal", "square", "square"]
    assert [answer["pixel_size"] for answer in answers] == [0.2, 0.2, None]
    assert err == "scans: skipped, of no known kind: notes.txt\n"


def test_several_structures_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    found = prototypes.structures()
    records = [{"jid": i, "atoms": found[f"{i}.jpg"].to_dict()} for i in (SQUARE, HEXAGONAL)]
    Path("x.json").write_text(json.dumps(records))
    answers = as_json(capsys, "x.json", "--plot", "plots")
    assert [a["input"] for a in answers] == [f"x.json: {SQUARE}", f"x.json: {HEXAGONAL}"]
    assert [a["class_name"] for a in answers] == ["square", "hexagonal"]
    assert sorted(path.name for path in Path("plots").iterdir()) == [
        f"x.json_{HEXAGONAL}.png",
        f"x.json_{SQUARE}.png",
    ]


def test_one_bad_structure_of_a_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = prototypes.structures()
    atoms = found[f"{SQUARE}.jpg"].to_dict()
    records = [{"jid": "good", "atoms": atoms}, {"jid": "bad", "atoms": {**atoms, "coords": []}}]
    Path("x.json").write_text(json.dumps(records))
    assert main(["x.json", "--json"]) == 1
    out, err = capsys.readouterr()
    good, bad = json.loads(out)
    assert (good["input"], good["class_name"], good["error"]) == ("x.json: good", "square", None)
    assert (bad["input"], bad["class"]) == ("x.json: bad", None)
    assert bad["error"].startswith("x.json: bad: ")
    assert bad["error"] in err


def test_the_pixel_size(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    save("x.png", square)
    (named,) = as_json(capsys, "x.png", "--pixel-size", "0.19")
    assert named["pixel_size"] == 0.19
    assert named["lattice"]["a"] == pytest.approx(4.4 * 0.95, abs=0.01)
    digital_micrograph(Path("x.dm4"), square, 0.021, version=4)
    (read,) = as_json(capsys, "x.dm4")
    (named,) = as_json(capsys, "x.dm4", "--pixel-size", "0.2")
    assert (read["pixel_size"], named["pixel_size"]) == (0.21, 0.2)
    assert read["lattice"]["a"] == pytest.approx(4.4 * 1.05, abs=0.01)
    assert named["lattice"]["a"] == pytest.approx(4.4, abs=0.01)
    for size in ("0", "-1", "x"):
        with pytest.raises(click.BadParameter):
            main(["x.png", "--pixel-size", size])
    assert main(["x.png", "--pixel-size", "nan"]) == 1


def test_ids_of_the_built_in_structures(capsys: pytest.CaptureFixture[str]) -> None:
    hexagonal, nothing = as_json(
        capsys, HEXAGONAL, "nothing", "--benchmark", "stem_2d_proto", status=1
    )
    assert hexagonal["class_name"] == "hexagonal"
    assert nothing["error"] == "nothing: no such file, and no such id in stem_2d_proto"


def test_ids_of_the_databases(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["JVASP-667", "2dm-1", "2dm-0", "--data", str(shared / "jarvis_data")]
    graphene, other, nothing = as_json(capsys, *arguments, status=1)
    assert graphene["class_name"] == other["class_name"] == "hexagonal"
    assert graphene["lattice"]["a"] == pytest.approx(2.464, abs=2e-3)
    assert nothing["error"].startswith("2dm-0: no such file, and no such id in ")


def test_databases_that_are_not_at_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("store").mkdir()
    (nothing,) = as_json(capsys, "JVASP-667", "--data", "store", status=1)
    assert nothing["error"].startswith("JVASP-667: no such file, and no such id in store, which")
    assert "jarvis-stem data fetch" in nothing["error"]
    assert list(Path("store").iterdir()) == []  # nothing is downloaded without being asked for
    Path("store/d2-12-12-2022.json.zip").write_text("no zip")
    (damaged,) = as_json(capsys, "JVASP-667", "--data", "store", status=1)
    assert "not a readable zip" in damaged["error"]
    (nowhere,) = as_json(capsys, "JVASP-667", "--data", "nowhere", status=1)
    assert nowhere["error"].startswith("nowhere: no such folder (given by --data)")


def plotted(path: str) -> bytes:
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert np.asarray(image.convert("L")).std() > 20
    return Path(path).read_bytes()


def test_plots(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    Path("other").mkdir()
    save("x.png", square)
    save("other/x.tif", square[::-1])
    noise = save("$no{ise.png", np.random.default_rng(0).integers(0, 99, (99, 99), dtype=np.uint8))
    arguments = ["x.png", "other/x.tif", noise]
    assert main([*arguments, "--plot"]) == 0
    names = ["_no_ise.png", "x-2.png", "x.png"]
    assert sorted(path.name for path in Path("lattices").iterdir()) == names
    first = [plotted(f"lattices/{name}") for name in names]
    assert main(["x.png", "--plot", "lattices"]) == 0  # over its own
    assert [plotted(f"lattices/{name}") for name in names] == first
    assert main(["x.png", "--plot", "new/one.png"]) == 0
    assert plotted("new/one.png") == first[2]


def test_a_plot_overwrites_nothing_else(square: Pixels) -> None:
    save("x.png", square)
    before = Path(save("y.png", square)).read_bytes()
    with pytest.raises(StemError, match=r"y\.png: is there and is no plot of jarvis-stem"):
        main(["--plot", "y.png", "x.png"])
    with pytest.raises(StemError, match=r"x\.png: is there and is no plot of jarvis-stem"):
        main(["x.png", "--plot", "."])
    with pytest.raises(StemError, match=r"one\.png: one file for 2 plots; name a folder"):
        main(["x.png", "y.png", "--plot", "one.png"])
    assert Path("y.png").read_bytes() == Path("x.png").read_bytes() == before


@pytest.mark.parametrize("model", ["lattice_model", "lattice_cnn_model"])
def test_other_models(model: str, square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = as_json(capsys, save("x.png", square), "--model", model)
    assert answer["class_name"] == "square"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model", "no_model"], "no_model: no such contribution; with a model: "),
        (["--benchmark", "stem_9d"], "stem_9d"),
        (["--contributions", "nowhere"], "nowhere: no such folder of contributions"),
    ],
)
def test_no_model_no_answer(arguments: Sequence[str], expected: str, square: Pixels) -> None:
    with pytest.raises(StemError, match=expected):
        main([save("x.png", square), *arguments])


def photograph() -> Pixels:
    return load_sample_images().images[0]


ODD: dict[str, tuple[Any, str]] = {
    "flat": (lambda s: np.full_like(s, 7), "all pixels are the same"),
    "noise": (lambda s: np.random.default_rng(0).integers(0, 256, s.shape, np.uint8), "no lattice"),
    "photograph": (lambda s: photograph(), ""),
    "inverted": (lambda s: 255 - s, "dark on bright ground"),
    "not square": (lambda s: s[:, :200], "not square"),
    "16 bit": (lambda s: s.astype(np.uint16) * 250 + 9, ""),
    "colour": (lambda s: np.stack([s] * 3, 2), ""),
    "RGBA": (lambda s: np.stack([s, s, s, np.full_like(s, 255)], 2), ""),
    "smallest": (lambda s: s[:64, :64], ""),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_pictures_have_sound_answers(
    kind: str, square: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    change, reason = ODD[kind]
    path = save("x.tif", change(square))
    if kind in ("16 bit", "colour", "RGBA"):  # the same picture, once it is read
        (answer,) = as_json(capsys, path)
        assert (answer["class_name"], answer["reasons"]) == ("square", [])
        return
    (answer,) = as_json(capsys, path, "--plot", "x.png")
    assert reason in " ".join(answer["reasons"])
    if reason or kind == "photograph":
        assert answer["reasons"]
        assert answer["confidence"] < 0.61
    assert plotted("x.png")


def test_three_dimensions_are_refused(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    ncem(Path("x.emd"), np.stack([square] * 4))
    assert main(["x.emd"]) == 1
    assert "x.emd: 4 frames of 256x256 px; expected one picture" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    Path(save("x.png", square)).chmod(0)
    Path("closed").mkdir(mode=0)
    assert main(["x.png", "closed", "closed/y.png"]) == 1
    assert capsys.readouterr().err.count("Permission denied") == 3


def test_a_hostile_name_is_shown_escaped(
    square: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "\x1b[31m[bold]x\n.png"
    assert main([save(name, square), "--plot"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]x" in out
    assert len(list(Path("lattices").iterdir())) == 1


def test_the_command_from_any_folder(square: Pixels, tmp_path: Path) -> None:
    save("x.png", square)
    done = python("-m", "jarvis_stem", "predict", "x.png", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)[0]["class_name"] == "square"


@pytest.mark.parametrize("shown", ["x.png", "."])
def test_answers_do_not_overwrite_an_input(shown: str, square: Pixels) -> None:
    path = Path(save("x.png", square))
    before = path.read_bytes()
    with pytest.raises(StemError, match=r"x\.png: is one of the inputs; name another file"):
        main([shown, "--csv", "x.png"])
    assert path.read_bytes() == before


def test_a_plot_takes_no_path_for_its_name(square: Pixels) -> None:
    with pytest.raises(click.UsageError, match=r"'--plot' took 'x.png' .*: put '--plot' behind"):
        main(["--plot", save("x.png", square)])


def test_frames_of_a_movie(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    moving = [square[n : n + 200, n : n + 200] for n in (0, 3, 6)]
    velox(Path("movie.emd"), {"BF": square, "HAADF": np.stack(moving, axis=2)})
    save("one.png", square)
    assert main(["movie.emd", "one.png"]) == 1
    assert capsys.readouterr().err == (
        "error: movie.emd: 3 frames of 200x200 px; expected one picture; name a frame from 1 to 3, "
        "mean or all (--frame)\n"
    )
    answers = as_json(capsys, "movie.emd", "one.png", "--frame", "all", "--plot")
    names = [f"movie.emd: frame {n}" for n in (1, 2, 3)]
    assert [one["input"] for one in answers] == [*names, "one.png"]
    assert [one["frame"] for one in answers] == [*(f"HAADF, frame {n}" for n in (1, 2, 3)), None]
    assert [one["pixel_size_from"] for one in answers] == [*["the .emd file"] * 3, None]
    assert {one["class_name"] for one in answers} == {"square"}
    assert len(list(Path("lattices").iterdir())) == 4
    main(["movie.emd", "one.png", "--frame", "all", "--csv", "-"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["input"] for row in rows] == [*names, "one.png"]
    assert rows[1]["frame"] == "HAADF, frame 2"
    assert main(["movie.emd", "--frame", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("movie.emd: frame 2  square")
    assert "HAADF, frame 2; 0.2 Å a pixel (the .emd file)" in out
    (mean,) = as_json(capsys, "movie.emd", "--frame", "mean")
    assert any("shifted" in reason for reason in mean["reasons"])
    assert main(["movie.emd", "--frame", "4"]) == 1
    assert "expected a frame from 1 to 3, got 4" in capsys.readouterr().err
    for frame in ("0", "-1", "first", "1.5", "²"):
        with pytest.raises(click.BadParameter):
            main(["movie.emd", "--frame", frame])


def test_a_scale_that_is_not_understood(square: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    digital_micrograph(Path("x.dm3"), square, 0.02, "furlong")
    (answer,) = as_json(capsys, "x.dm3")
    assert (answer["pixel_size"], answer["pixel_size_from"]) == (None, None)
    assert "0.02 'furlong' a pixel is not understood" in answer["reasons"][0]
    (named,) = as_json(capsys, "x.dm3", "--pixel-size", "0.2")
    assert (named["pixel_size_from"], named["reasons"]) == ("given", [])


def test_a_zspy_is_no_folder_of_pictures(
    square: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    zspy(Path("scans/x.zspy"), square)
    for path in ("scans/x.zspy", "scans"):
        (answer,) = as_json(capsys, path)
        assert (answer["input"], answer["class_name"]) == ("scans/x.zspy", "square")
        assert answer["pixel_size"] == 0.2
