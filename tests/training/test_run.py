"""The training command as a user runs it: real prototypes, a tiny benchmark.

One process trains a real model; what concerns the command alone trains one that is tiny, here.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import resource
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from helpers import PATIENCE, REPOSITORY, TINY_MODEL
from PIL import Image

from jarvis_stem import cli, score, train
from jarvis_stem.formats.metadata import blank
from jarvis_stem.training.history import HistoryWriter

REAL_MODEL = "lattice_cnn_model"
MODEL = "tiny"
RESULT = "AI-ImageClass-bravais_class-stem_2d_proto-test-acc"
Run = Callable[[list[str]], tuple[int, str, str]]
Refused = Callable[[list[str], str], None]


def short(
    benchmarks: Path, work: Path, *extra: str, epochs: int = 1, model: str = MODEL
) -> list[str]:
    """Arguments of a short run into a folder, to which the tiny model is written."""
    add_model(work / "contributions")
    arguments = [model, "--benchmark", "stem_2d_proto", "--benchmarks", str(benchmarks)]
    arguments += ["--contributions", str(work / "contributions"), "--runs", str(work / "runs")]
    return [*arguments, "--epochs", str(epochs), *extra]


def add_model(contributions: Path, text: str = TINY_MODEL) -> Path:
    """Write the tiny model's folder and return it."""
    folder = contributions / MODEL
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(text)
    return folder


def start(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE, check=False)


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


@pytest.mark.training
def test_a_run_leaves_a_scored_contribution(
    tiny_benchmarks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "contributions" / REAL_MODEL
    folder.mkdir(parents=True)
    text = (REPOSITORY / "contributions" / REAL_MODEL / "model.py").read_text()
    # Batches that the tiny benchmark can fill.
    (folder / "model.py").write_text(text.replace("batch_size=128", "batch_size=16"))
    arguments = short(tiny_benchmarks, tmp_path, "--json", model=REAL_MODEL)
    done = start([sys.executable, "-W", "error", "-m", "jarvis_stem.train", *arguments])
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert done.stderr.startswith("Epoch 1/1  loss ")
    with zipfile.ZipFile(next(tiny_benchmarks.glob("AI/ImageClass/*.zip"))) as archive:
        truth = json.loads(archive.read(archive.namelist()[0]))["test"]
    rows = rows_of(folder)
    assert [row["id"] for row in rows] == list(truth)
    assert [int(row["target"]) for row in rows] == list(truth.values())
    accuracy = sum(row["target"] == row["prediction"] for row in rows) / len(rows)

    record = json.loads((folder / f"{RESULT}.run.json").read_text())
    assert record["result"]["accuracy"] == round(accuracy, 4)
    assert record["seed"] == 0
    assert "pretrained" not in record
    assert record["command"].startswith(f"python -m jarvis_stem.train {REAL_MODEL} --benchmark ")
    assert {key: printed[key] for key in record["result"]} == record["result"]
    assert (printed["benchmark"], printed["costs"]) == (RESULT, record["costs"])
    assert {Path(path).name for path in printed["written"]} == {
        path.name for path in folder.iterdir() if path.name != "model.py"
    }
    assert len(record["history"]) == 1
    assert record["costs"]["peak_memory_mb"] > 100
    stored = (folder / f"{RESULT}.onnx").read_bytes()
    assert record["model"] == {
        "sha256": hashlib.sha256(stored).hexdigest(),
        "bytes": len(stored),
    }
    assert record["calibration"]["temperature"] > 0
    assert 0 <= record["calibration"]["error"] <= 1
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["missing_structures"] == {f"{RESULT}.csv.zip": 0}
    assert metadata["time_taken_seconds"][f"{RESULT}.csv.zip"] > 0

    runs = tmp_path / "runs" / REAL_MODEL / "stem_2d_proto_bravais_class"
    with Image.open(runs / "learning_curve.png") as picture:
        assert picture.size == (960, 420)
    assert len((runs / "metrics.csv").read_text().splitlines()) == 2

    scored = ["--json", "--contributions", str(tmp_path / "contributions")]
    scored += ["--benchmarks", str(tiny_benchmarks), "--output", str(tmp_path / "docs")]
    scored += ["--site", str(tmp_path / "site")]
    (tmp_path / "contributions" / MODEL / "model.py").unlink()
    (tmp_path / "contributions" / MODEL).rmdir()
    assert cli.run(lambda: score.main(scored)) == 0
    result = json.loads(capsys.readouterr().out)["benchmarks"][0]["results"][0]
    assert result["score"] == record["result"]["accuracy"]


@pytest.mark.training
def test_a_result_that_is_replaced_is_named_and_can_be_put_back(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    folder = add_model(tmp_path / "contributions")
    assert run(short(tiny_benchmarks, tmp_path, "--quiet"))[0] == 0
    old = {path.name: path.read_bytes() for path in folder.iterdir()}
    score_before = json.loads(old[f"{RESULT}.run.json"])["result"]["accuracy"]
    metadata = json.loads(old["metadata.json"])
    metadata["time_taken_seconds"]["other.csv.zip"] = 7
    (folder / "metadata.json").write_text(json.dumps(metadata))
    old["metadata.json"] = (folder / "metadata.json").read_bytes()
    rows = rows_of(folder)
    status, _, errors = run(short(tiny_benchmarks, tmp_path, "--seed", "5", epochs=2))
    assert status == 0
    first, *_, told, back = errors.splitlines()
    record = json.loads((folder / f"{RESULT}.run.json").read_text())
    differing = sum(
        a["prediction"] != b["prediction"] for a, b in zip(rows, rows_of(folder), strict=True)
    )
    assert first.startswith(f"replaces the result in {folder}, accuracy {score_before:.4f}, when")
    assert told == (
        f"replaced the result in {folder}: accuracy {score_before:.4f} before, "
        f"{record['result']['accuracy']:.4f} now; {differing} of {len(rows)} ids differ"
    )
    now = json.loads((folder / "metadata.json").read_text())
    assert now["time_taken_seconds"]["other.csv.zip"] == 7
    subprocess.run(["bash", "-c", back.removeprefix("to put it back: ")], check=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == old


@pytest.mark.training
def test_predictions_are_the_same_with_a_cache_and_without(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    cache = tmp_path / "cache"
    written = []
    for option in (["--no-cache"], ["--cache", str(cache)], ["--cache", str(cache)]):
        arguments = short(tiny_benchmarks, tmp_path, "--quiet", *option)
        assert run(arguments) == (0, "", "")
        folder = tmp_path / "contributions" / MODEL
        written.append([(folder / f"{RESULT}.{end}").read_bytes() for end in ("csv.zip", "onnx")])
        kept = {path: path.stat().st_ino for path in cache.glob("*.npy")}
        assert bool(kept) == (option != ["--no-cache"])
        shutil.rmtree(tmp_path / "contributions")
    assert written[0] == written[1] == written[2]
    assert kept == {path: path.stat().st_ino for path in kept}  # none was written again
    assert run(short(tiny_benchmarks, tmp_path, "--no-cache", "--cache", "x"))[0] == 2


def test_a_training_imports_nothing_that_only_some_need() -> None:
    program = """
import sys
import jarvis_stem.train
import jarvis_stem.training.run
from jarvis_stem.training import lattice_net
some = {"jarvis", "matplotlib", "pandas", "requests", "sklearn", "torch._dynamo", "torchvision"}
sys.exit(", ".join(some & sys.modules.keys()) or 0)
"""
    done = start([sys.executable, "-c", program])
    assert (done.returncode, done.stderr) == (0, "")


BROKEN = {
    "none": ("    return None\n", "model.py: expected build to return a torch.nn.Module, got None"),
    "raises": ("    return 1 / 0\n", "model.py:9: ZeroDivisionError: division by zero"),
    "3 logits": (
        "    return nn.Sequential(nn.Flatten(), nn.Linear(65536, 3))\n",
        "model.py: expected logits of shape (images, 5), one for each class of the benchmark, got "
        "(2, 3)",
    ),
    "7 logits": (
        "    return nn.Sequential(nn.Flatten(), nn.Linear(65536, 7))\n",
        "got (2, 7)",
    ),
    "forward": (
        "    return Forward()\nclass Forward(nn.Linear):\n"
        "    def __init__(self):\n        super().__init__(2, 2)\n"
        "    def forward(self, x):\n        return super().forward(x)\n",
        "model.py:14: RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    ),
    "layers": (
        "    return nn.Sequential(nn.Flatten(), nn.Linear(9, classes))\n",
        "model.py: RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    ),
    "infinite": (
        "    return nn.Sequential(nn.Flatten(), nn.Linear(65536, classes), Inf())\n"
        "class Inf(nn.Module):\n    def forward(self, x):\n        return x * float('inf')\n",
        "epoch 1, image 0: the loss is not finite",
    ),
}


@pytest.mark.training
@pytest.mark.parametrize("kind", BROKEN)
def test_a_model_that_cannot_be_trained_is_named_and_replaces_nothing(
    kind: str, tiny_benchmarks: Path, tmp_path: Path, run: Run, uninterrupted: Path
) -> None:
    body, message = BROKEN[kind]
    arguments = short(tiny_benchmarks, tmp_path)
    folder = add_model(
        tmp_path / "contributions", f"{TINY_MODEL.partition('    pooled')[0].rstrip()}\n{body}"
    )
    for path in uninterrupted.glob("*.*"):
        if path.name != "model.py":
            (folder / path.name).write_bytes(path.read_bytes())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, _, errors = run(arguments)
    assert status == 1
    assert message in errors.splitlines()[-1]
    assert errors.splitlines()[-1].startswith("error: ")
    assert len(errors.splitlines()) == 2, errors  # and what would have been replaced
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not (tmp_path / "runs").exists()


@pytest.mark.training
def test_the_traceback_of_a_models_exception_is_shown_where_it_is_wanted(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    arguments = short(tiny_benchmarks, tmp_path)
    body, message = BROKEN["raises"]
    add_model(
        tmp_path / "contributions", TINY_MODEL.partition("    pooled")[0].rstrip() + f"\n{body}"
    )
    short_errors = run(arguments)[2]
    assert short_errors.endswith(f"{message} (--traceback shows where it comes from)\n")
    assert "Traceback" not in short_errors
    long_errors = run([*arguments, "--traceback"])[2]
    assert "Traceback (most recent call last)" in long_errors
    assert "return 1 / 0" in long_errors
    assert long_errors.endswith(f"{message}\n")


@pytest.fixture(scope="module")
def uninterrupted(tiny_benchmarks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's contribution after two epochs without a stop."""
    work = tmp_path_factory.mktemp("whole")
    assert train.main(short(tiny_benchmarks, work, "--quiet", epochs=2)) == 0
    return work / "contributions" / MODEL


def resumes(run: Run, benchmarks: Path, cut: Path, whole: Path) -> None:
    """Go on with a run that was stopped after its first epoch, to the same bytes."""
    assert [p.name for p in (cut / "contributions" / MODEL).iterdir()] == ["model.py"]
    status, _, errors = run(short(benchmarks, cut, "--resume", epochs=2))
    assert status == 0, errors
    assert "Epoch 1/2" not in errors
    assert "Epoch 2/2" in errors
    for suffix in (".csv.zip", ".onnx"):
        name = f"{RESULT}{suffix}"
        assert (cut / "contributions" / MODEL / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.training
def test_resuming_after_ctrl_c_gives_the_same_result(
    tiny_benchmarks: Path,
    tmp_path: Path,
    run: Run,
    uninterrupted: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write(writer: HistoryWriter, history: object, write=HistoryWriter.write) -> None:  # type: ignore[no-untyped-def]
        write(writer, history)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(HistoryWriter, "write", write)
    status, _, errors = run(short(tiny_benchmarks, tmp_path, epochs=2))
    assert status == 130
    assert errors.startswith("Epoch 1/2")
    assert errors.endswith("\ninterrupted; the same command with --resume goes on\n")
    assert "Epoch 2/2" not in errors
    monkeypatch.undo()
    resumes(run, tiny_benchmarks, tmp_path, uninterrupted)


@pytest.mark.training
def test_resuming_after_a_kill_gives_the_same_result(
    tiny_benchmarks: Path, tmp_path: Path, run: Run, uninterrupted: Path
) -> None:
    program = f"""
import os
from jarvis_stem import train
from jarvis_stem.training.history import HistoryWriter
def kill_after(writer, history, write=HistoryWriter.write):
    write(writer, history)
    os.kill(os.getpid(), {int(signal.SIGKILL)})
HistoryWriter.write = kill_after
train.main({short(tiny_benchmarks, tmp_path, epochs=2)!r})
"""
    assert start([sys.executable, "-W", "error", "-c", program]).returncode == -signal.SIGKILL
    resumes(run, tiny_benchmarks, tmp_path, uninterrupted)


@pytest.fixture(scope="module")
def odd(tiny_benchmarks: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run on noisy copies too, where ids lack structures and a person wrote the metadata.

    Its folder, and what it wrote to stderr.
    """
    work = tmp_path_factory.mktemp("odd")
    path = next(tiny_benchmarks.glob("AI/ImageClass/*.zip"))
    with zipfile.ZipFile(path) as archive:
        name = archive.namelist()[0]
        splits = json.loads(archive.read(name))
    splits["test"] = {"proto-unheard-of.jpg": 3, **splits["test"]}
    # Makes 2 the majority class.
    splits["train"] = {"proto-also-unheard-of.jpg": 2, **splits["train"]}
    changed = work / "benchmarks" / path.relative_to(tiny_benchmarks)
    changed.parent.mkdir(parents=True)
    with zipfile.ZipFile(changed, "w") as archive:
        archive.writestr(name, json.dumps(splits))
    arguments = short(work / "benchmarks", work)
    folder = add_model(
        work / "contributions", TINY_MODEL.replace("epochs=2", "epochs=2, noisy_copies=1")
    )
    mine = {
        **blank(),
        "model_name": "My ResNet",
        "project_url": "https://example.org",
        "date_submitted": "01-02-2026",
        "team_name": "us",
        "time_taken_seconds": {"other.csv.zip": 7},
    }
    (folder / "metadata.json").write_text(json.dumps(mine))
    with redirect_stderr(io.StringIO()) as errors:
        assert cli.run(lambda: train.main(arguments)) == 0
    return work, errors.getvalue()


@pytest.mark.training
def test_ids_without_structure_are_listed_and_get_the_majority_class(odd: tuple[Path, str]) -> None:
    work, errors = odd
    assert "test: no image for 1 of 21 ids" in errors
    listed = (work / "runs/missing-stem_2d_proto-test.txt").read_text()
    assert listed == "proto-unheard-of.jpg\n"
    folder = work / "contributions" / MODEL
    first = rows_of(folder)[0]
    assert (first["id"], first["prediction"]) == ("proto-unheard-of.jpg", "2")
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["missing_structures"] == {f"{RESULT}.csv.zip": 1}


@pytest.mark.training
def test_metadata_that_a_person_wrote_is_kept(odd: tuple[Path, str]) -> None:
    now = json.loads((odd[0] / "contributions" / MODEL / "metadata.json").read_text())
    assert (now["model_name"], now["team_name"]) == ("My ResNet", "us")
    assert now["time_taken_seconds"]["other.csv.zip"] == 7


@pytest.mark.training
def test_noisy_copies_are_recorded_and_need_structures(odd: tuple[Path, str], run: Run) -> None:
    work, _ = odd
    record = json.loads((work / "contributions" / MODEL / f"{RESULT}.run.json").read_text())
    assert record["recipe"]["noisy_copies"] == 1
    arguments = short(work / "benchmarks", work, "--images", str(work))
    add_model(work / "contributions", TINY_MODEL.replace("epochs=2", "epochs=2, noisy_copies=1"))
    status, output, errors = run(arguments)
    assert (status, output) == (1, "")
    message = "error: --images: this model also learns from noisy drawings of structures\n"
    assert errors.endswith(message)


@pytest.mark.training
def test_checkpoint_of_a_model_that_was_changed_is_refused(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    arguments = short(tiny_benchmarks, tmp_path, "--resume")
    assert run(arguments)[0] == 0
    add_model(tmp_path / "contributions", f"{TINY_MODEL}# changed\n")
    status, _, errors = run(arguments)
    assert status == 1
    assert "checkpoint.pt: of another run (model.py: " in errors
    assert "train without --resume" in errors


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
    unknown = [("vgg" if a == MODEL else a) for a in good]
    refused(unknown, f"vgg: no such contribution; with a model: {MODEL}")
    other = [("stem_3d" if a == "stem_2d_proto" else a) for a in good]
    refused(other, "similar: AI/ImageClass/stem_2d_proto_bravais_class.json.zip")
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
    add_model(tmp_path / "contributions", "import torch\nraise ValueError\n")
    refused(arguments, f"contributions/{MODEL}/model.py:2: ValueError")


def test_store_that_does_not_exist_is_refused(tmp_path: Path, refused: Refused) -> None:
    arguments = short(REPOSITORY / "benchmarks", tmp_path, "--data", str(tmp_path / "nowhere"))
    arguments[arguments.index("stem_2d_proto")] = "stem_2d_image"
    refused(arguments, "nowhere: no such folder (given by --data)")


def test_broken_metadata_is_refused_before_training(
    tiny_benchmarks: Path, tmp_path: Path, refused: Refused
) -> None:
    folder = add_model(tmp_path / "contributions")
    (folder / "metadata.json").write_text("{not json")
    refused(short(tiny_benchmarks, tmp_path), "not JSON")
    assert (folder / "metadata.json").read_text() == "{not json"


@pytest.mark.training
def test_disk_that_is_full_is_said_and_nothing_is_half_written(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    arguments = short(tiny_benchmarks, tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))  # bytes a file, of this process
    try:
        status, _, errors = run(arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert status == 1
    assert "error: " in errors
    assert "File too large" in errors
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["model.py"]


@pytest.mark.training
def test_output_that_cannot_be_written_is_said(
    tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    status, _, errors = run(short(tiny_benchmarks, tmp_path))
    assert status == 1
    assert "error: " in errors
