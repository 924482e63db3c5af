"""The training command as a user runs it: real prototypes, a tiny benchmark, real processes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jarvis_stem import cli, train
from jarvis_stem.formats.metadata import blank

REPOSITORY = Path(__file__).parents[2]
MODEL = "lattice_cnn_model"
RESULT = "AI-ImageClass-bravais_class-stem_2d_proto-test-acc"


Run = Callable[[list[str]], tuple[int, str, str]]
Refused = Callable[[list[str], str], None]


def short(benchmarks: Path, work: Path, *extra: str, epochs: int = 1) -> list[str]:
    """Arguments of a short run into a folder, to which the model is copied."""
    add_model(work / "contributions")
    arguments = [MODEL, "--benchmark", "stem_2d_proto", "--benchmarks", str(benchmarks)]
    arguments += ["--contributions", str(work / "contributions"), "--runs", str(work / "runs")]
    return [*arguments, "--epochs", str(epochs), *extra]


def command(benchmarks: Path, work: Path, *extra: str, epochs: int = 1) -> list[str]:
    """The same as a process of its own."""
    module = [sys.executable, "-W", "error", "-m", "jarvis_stem.train"]
    return [*module, *short(benchmarks, work, *extra, epochs=epochs)]


def add_model(contributions: Path, name: str = MODEL) -> Path:
    """Copy a model, with batches that the tiny benchmark can fill, and return its folder."""
    folder = contributions / name
    folder.mkdir(parents=True, exist_ok=True)
    model = (REPOSITORY / "contributions" / name / "model.py").read_text()
    (folder / "model.py").write_text(model.replace("batch_size=128", "batch_size=16"))
    return folder


def start(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=250, check=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Train in this process, which spares its start; gives exit status, stdout and stderr."""

    def run(arguments: list[str]) -> tuple[int, str, str]:
        status = cli.run(lambda: train.main(arguments))
        return status, *capsys.readouterr()

    return run


def rows_of(contribution: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(contribution / f"{RESULT}.csv.zip") as archive:
        assert archive.namelist() == [f"{RESULT}.csv"]
        return list(csv.DictReader(io.StringIO(archive.read(f"{RESULT}.csv").decode())))


def test_a_run_leaves_a_scored_contribution(tiny_benchmarks: Path, tmp_path: Path) -> None:
    done = start(command(tiny_benchmarks, tmp_path, "--json"))
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert done.stderr.startswith("Epoch 1/1  loss ")
    folder = tmp_path / "contributions" / "lattice_cnn_model"
    with zipfile.ZipFile(next(tiny_benchmarks.glob("AI/ImageClass/*.zip"))) as archive:
        truth = json.loads(archive.read(archive.namelist()[0]))["test"]
    rows = rows_of(folder)
    assert [row["id"] for row in rows] == list(truth)
    assert [int(row["target"]) for row in rows] == list(truth.values())
    accuracy = sum(row["target"] == row["prediction"] for row in rows) / len(rows)

    record = json.loads((folder / f"{RESULT}.run.json").read_text())
    assert record["result"]["accuracy"] == round(accuracy, 4)
    assert record["seed"] == 0
    assert record["command"].startswith(f"python -m jarvis_stem.train {MODEL} --benchmark ")
    assert {key: printed[key] for key in record["result"]} == record["result"]
    assert (printed["benchmark"], printed["costs"]) == (RESULT, record["costs"])
    assert {Path(path).name for path in printed["written"]} == {
        path.name for path in folder.iterdir() if path.name != "model.py"
    }
    assert len(record["history"]) == 1
    assert record["costs"]["peak_memory_mb"] > 100
    stored = (folder / f"{RESULT}.safetensors").read_bytes()
    assert record["weights"] == {
        "sha256": hashlib.sha256(stored).hexdigest(),
        "bytes": len(stored),
    }
    assert record["calibration"]["temperature"] > 0
    assert 0 <= record["calibration"]["error"] <= 1
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["missing_structures"] == {f"{RESULT}.csv.zip": 0}
    assert metadata["time_taken_seconds"][f"{RESULT}.csv.zip"] > 0

    runs = tmp_path / "runs" / "lattice_cnn_model" / "stem_2d_proto_bravais_class"
    assert (runs / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert len((runs / "metrics.csv").read_text().splitlines()) == 2

    score = [sys.executable, "-m", "jarvis_stem.score", "--json"]
    score += ["--contributions", str(tmp_path / "contributions")]
    score += ["--benchmarks", str(tiny_benchmarks), "--output", str(tmp_path / "docs")]
    score += ["--site", str(tmp_path / "site")]
    done = start(score)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["benchmarks"][0]["results"][0]
    assert result["score"] == record["result"]["accuracy"]


def stopped_by(how: signal.Signals, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """A run that gets a signal, as from Ctrl-C or out of memory, once its first epoch is told."""
    program = f"""
import os
from jarvis_stem import cli, record, train
def stop_after(writer, history, write=record.HistoryWriter.write):
    write(writer, history)
    os.kill(os.getpid(), {int(how)})
record.HistoryWriter.write = stop_after
raise SystemExit(cli.run(lambda: train.main({arguments!r})))
"""
    return start([sys.executable, "-W", "error", "-c", program])


@pytest.mark.parametrize(
    ("how", "status"),
    [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["interrupted", "killed"],
)
def test_resuming_after_a_stop_gives_the_same_result(
    how: signal.Signals, status: int, tiny_benchmarks: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert start(command(tiny_benchmarks, whole, epochs=2)).returncode == 0
    arguments = short(tiny_benchmarks, cut, epochs=2)
    stopped = stopped_by(how, arguments)
    assert stopped.returncode == status, stopped.stderr
    assert "Epoch 1/2" in stopped.stderr
    assert "Epoch 2/2" not in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert [p.name for p in (cut / "contributions" / MODEL).iterdir()] == ["model.py"]

    done = start(command(tiny_benchmarks, cut, "--resume", epochs=2))
    assert done.returncode == 0, done.stderr
    assert "Epoch 1/2" not in done.stderr
    for suffix in (".csv.zip", ".safetensors"):
        name = f"contributions/{MODEL}/{RESULT}{suffix}"
        assert (whole / name).read_bytes() == (cut / name).read_bytes()


def test_checkpoint_of_a_model_that_was_changed_is_refused(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    arguments = short(tiny_benchmarks, tmp_path, "--resume")
    assert run(arguments)[0] == 0
    with (tmp_path / "contributions/lattice_cnn_model/model.py").open("a") as model:
        model.write("# changed\n")
    status, _, errors = run(arguments)
    assert status == 1
    assert "checkpoint.pt: of another run (model.py: " in errors
    assert "train without --resume" in errors


def test_ids_without_structure_are_listed_and_get_the_commonest_class(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    benchmarks = tmp_path / "benchmarks"
    shutil.copytree(tiny_benchmarks, benchmarks)
    path = next(benchmarks.glob("AI/ImageClass/*.zip"))
    with zipfile.ZipFile(path) as archive:
        name = archive.namelist()[0]
        splits = json.loads(archive.read(name))
    splits["test"] = {"proto-unheard-of.jpg": 3, **splits["test"]}
    splits["train"] = {"proto-also-unheard-of.jpg": 2, **splits["train"]}  # makes 2 the commonest
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, json.dumps(splits))
    status, _, errors = run(short(benchmarks, tmp_path))
    assert status == 0, errors
    assert "test: no image for 1 of 21 ids" in errors
    listed = (tmp_path / "runs/missing-stem_2d_proto-test.txt").read_text()
    assert listed == "proto-unheard-of.jpg\n"
    folder = tmp_path / "contributions" / "lattice_cnn_model"
    first = rows_of(folder)[0]
    assert (first["id"], first["prediction"]) == ("proto-unheard-of.jpg", "2")
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["missing_structures"] == {f"{RESULT}.csv.zip": 1}


def test_a_robust_model_learns_from_noisy_copies_and_needs_structures(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    arguments = short(tiny_benchmarks, tmp_path)
    arguments[arguments.index(MODEL)] = name = "robust_lattice_cnn_model"
    folder = add_model(tmp_path / "contributions", name)
    assert run([*arguments, "--quiet"]) == (0, "", "")
    record = json.loads((folder / f"{RESULT}.run.json").read_text())
    assert record["recipe"]["noisy_copies"] == 3
    assert run([*arguments, "--images", str(tmp_path)]) == (
        1,
        "",
        "error: --images: this model also learns from noisy drawings of structures\n",
    )


def test_metadata_that_a_person_wrote_is_kept(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    folder = add_model(tmp_path / "contributions")
    mine = {
        **blank(),
        "model_name": "My ResNet",
        "project_url": "https://example.org",
        "date_submitted": "01-02-2026",
        "team_name": "us",
        "time_taken_seconds": {"other.csv.zip": 7},
    }
    (folder / "metadata.json").write_text(json.dumps(mine))
    status, _, errors = run(short(tiny_benchmarks, tmp_path))
    assert status == 0, errors
    now = json.loads((folder / "metadata.json").read_text())
    assert (now["model_name"], now["team_name"]) == ("My ResNet", "us")
    assert now["time_taken_seconds"]["other.csv.zip"] == 7


@pytest.fixture
def refused(run: Run, tmp_path: Path) -> Refused:
    """Check that arguments are refused with a message, and that no predictions are written."""

    def refused(arguments: list[str], message: str) -> None:
        status, _, errors = run(arguments)
        assert status == 1, errors
        assert message in errors
        assert not list(tmp_path.rglob("*.csv.zip"))

    return refused


def test_bad_arguments_are_refused_in_words(
    tiny_benchmarks: Path, tmp_path: Path, refused: Refused
) -> None:
    good = short(tiny_benchmarks, tmp_path)
    unknown = [("vgg" if a == "lattice_cnn_model" else a) for a in good]
    refused(unknown, "vgg: no such contribution; with a model: lattice_cnn_model")
    other = [("stem_3d" if a == "stem_2d_proto" else a) for a in good]
    refused(other, "known: AI/ImageClass/stem_2d_proto_bravais_class.json.zip")
    refused([*good, "--images", str(tmp_path / "none")], "no such folder of images")
    refused([*good, "--structures", str(tmp_path / "none")], "no such file or folder")
    refused([*good, "--device", "cuda:7"], "--device cuda:7: not available here")


@pytest.mark.parametrize(
    "name", ["../secret", "contributions/lattice_cnn_model", "a/", "..", ".", ""]
)
def test_path_in_place_of_a_name_is_refused(name: str, tmp_path: Path, run: Run) -> None:
    status, _, errors = run([name, "--runs", str(tmp_path)])
    assert status == 2
    assert f"expected a contribution's name, for example densenet_model, got {name!r}" in errors


def test_faulty_model_is_refused_before_anything_is_read(
    tiny_benchmarks: Path, tmp_path: Path, refused: Refused
) -> None:
    arguments = short(tiny_benchmarks, tmp_path)
    (tmp_path / "contributions/lattice_cnn_model/model.py").write_text(
        "import torch\nraise ValueError\n"
    )
    refused(arguments, "contributions/lattice_cnn_model/model.py:2: ValueError")


def test_store_that_does_not_exist_is_refused(
    repository: Path, tmp_path: Path, refused: Refused
) -> None:
    arguments = [MODEL, "--data", str(tmp_path / "nowhere")]
    arguments += ["--benchmarks", str(repository / "benchmarks"), "--runs", str(tmp_path / "runs")]
    add_model(tmp_path / "contributions")
    arguments += ["--contributions", str(tmp_path / "contributions")]
    refused(arguments, "nowhere: no such folder (given by --data)")


def test_broken_metadata_is_refused_before_training(
    tiny_benchmarks: Path, tmp_path: Path, refused: Refused
) -> None:
    folder = add_model(tmp_path / "contributions")
    (folder / "metadata.json").write_text("{not json")
    refused(short(tiny_benchmarks, tmp_path), "not JSON")
    assert (folder / "metadata.json").read_text() == "{not json"


def test_disk_that_is_full_is_said_and_nothing_is_half_written(
    tiny_benchmarks: Path, tmp_path: Path
) -> None:
    limit = 100_000  # bytes a file: too few for a checkpoint
    done = subprocess.run(
        command(tiny_benchmarks, tmp_path),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1, done.stderr
    assert "error: " in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["model.py"]


def test_output_that_cannot_be_written_is_said(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    status, _, errors = run(short(tiny_benchmarks, tmp_path))
    assert status == 1
    assert "error: " in errors


@pytest.mark.parametrize("script", ["lattice_cnn_model", "resnet_model"])
def test_run_script_passes_arguments_on(script: str, repository: Path) -> None:
    path = repository / "contributions" / script / "run.sh"
    assert os.access(path, os.X_OK)
    done = start(["bash", str(path), "--help"])
    assert done.returncode == 0, done.stderr
    assert "--pretrained" in done.stdout
    done = start(["bash", str(path), "--epochs", "0"])
    assert done.returncode == 2
    assert "0 is not in the range x>=1" in done.stderr
    done = start(["bash", str(path), "--seed", "-1"])
    assert done.returncode == 2
    assert "-1 is not in the range 0<=x<=4294967295" in done.stderr
