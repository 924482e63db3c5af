from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import small_benchmark
from helpers import (
    METADATA,
    OTHER,
    REAL,
    REPOSITORY,
    SMALL,
    add_benchmark,
    add_contribution,
    command,
    python,
)

from jarvis_stem.formats.metadata import blank
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, PREDICTIONS_SUFFIX, ResultName
from jarvis_stem.utils.files import read_zip
from jarvis_stem.utils.git import git

URL = "https://example.org/stem"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FULL = {
    **blank(),
    **METADATA,
    "author_email": "someone@example.org",
    "missing_structures": {SMALL.predictions_name: 1},
    "remark": "ours alone",
}
# Every way of writing that is valid here, in an order of its own, without targets.
PREDICTIONS = '\ufeff"prediction","id"\r\n2,g.jpg\r\n 0 ,d.jpg\r\n"1.0",e.jpg\r\n1,f.jpg\r\n'
RECORD: dict[str, Any] = {
    "command": "python -m jarvis_stem.train good --data /home/someone/data --epochs 3",
    "git_commit": COMMIT,
    "seed": 7,
    "recipe": {"epochs": 3},
    "packages": {"torch": "2.13.0"},
    "hardware": "a processor",
    "costs": {"wall_seconds": 1, "cpu_seconds": 1, "peak_memory_mb": 1, "parameters": 1},
    "result": {"accuracy": 0.75, "n": 4},
    "history": [],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two benchmarks and a good contribution to one of them."""
    project = {"repository_url": f"{URL}/tree/main", "benchmarks": []}
    (tmp_path / "metadata.json").write_text(json.dumps(project))
    add_benchmark(tmp_path / "benchmarks")
    add_benchmark(tmp_path / "benchmarks", OTHER)
    add(tmp_path, "good")
    return tmp_path


def add(root: Path, model: str, csv: str = PREDICTIONS, name: ResultName = SMALL) -> Path:
    return add_contribution(root / "contributions", model, csv, name, FULL).parent


def record(folder: Path, name: ResultName = SMALL, **changes: object) -> None:
    (folder / f"{name}.run.json").write_text(json.dumps({**RECORD, **changes}))


def export(root: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a repository, with its defaults."""
    return command("export", "--jarvis", "out", *more, cwd=root)


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Permissions and content of every file, hidden ones too."""
    return {
        str(path.relative_to(root)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_only_what_jarvis_takes_is_written(root: Path) -> None:
    folder = root / "contributions" / "good"
    record(folder)
    (folder / "model.py").write_text("")
    (folder / "checkpoint.pt").write_bytes(b"weights")
    done = export(root)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"out/contributions/good: {SMALL}\n"
    assert set(tree(root / "out")) == {
        "benchmarks/AI/ImageClass/small_bravais_class.json.zip",
        f"contributions/good/{SMALL.predictions_name}",
        "contributions/good/metadata.json",
        "contributions/good/run.sh",
    }
    benchmark = "benchmarks/AI/ImageClass/small_bravais_class.json.zip"
    assert (root / "out" / benchmark).read_bytes() == (root / benchmark).read_bytes()
    assert (root / "out/contributions/good").stat().st_mode & 0o777 == folder.stat().st_mode & 0o777


def test_predictions_are_written_plainly(root: Path) -> None:
    export(root)
    path = root / "out/contributions/good" / SMALL.predictions_name
    assert read_zip(path, SMALL.csv_name).decode() == (
        "id,target,prediction\nd.jpg,0,0\ne.jpg,1,1\nf.jpg,2,1\ng.jpg,2,2\n"
    )


def test_metadata_has_the_keys_of_jarvis_alone(root: Path) -> None:
    add(root, "good", name=OTHER)
    export(root)
    text = (root / "out/contributions/good/metadata.json").read_text()
    expected = {key: FULL[key] for key in blank()}
    # The time of one result is known, that of the other is not; JARVIS writes "" for that.
    expected["time_taken_seconds"] = {OTHER.predictions_name: "", SMALL.predictions_name: 12}
    assert json.loads(text) == expected
    assert list(json.loads(text)) == list(blank())


def test_one_benchmark_alone(root: Path) -> None:
    add(root, "good", name=OTHER)
    add(root, "elsewhere", name=OTHER)
    assert export(root, "--benchmark", "small").returncode == 0
    assert not (root / "out/contributions/elsewhere").exists()
    done = export(root, "--benchmark", "small", "elsewhere")
    assert done.returncode == 1
    assert done.stderr.startswith("not exported: elsewhere: no predictions")
    names = {path.name for path in (root / "out/contributions/good").iterdir()}
    assert names == {SMALL.predictions_name, "metadata.json", "run.sh"}
    metadata = json.loads((root / "out/contributions/good/metadata.json").read_text())
    assert metadata["time_taken_seconds"] == {SMALL.predictions_name: 12}
    assert not list((root / "out/benchmarks").rglob("other*"))


def test_models_by_name_and_a_prefix(root: Path) -> None:
    add(root, "second")
    add(root, "third")
    assert export(root, "--prefix", "team-", "second", "good", "good").returncode == 0
    assert {p.name for p in (root / "out/contributions").iterdir()} == {"team-good", "team-second"}
    # What else is there stays, and so does the benchmark that both need.
    before = tree(root / "out")
    assert export(root, "third").returncode == 0
    after = tree(root / "out")
    assert {name: after[name] for name in before} == before
    assert "contributions/third/run.sh" in after


def test_the_same_contribution_gives_the_same_bytes(root: Path) -> None:
    record(root / "contributions" / "good")
    export(root)
    first = tree(root / "out")
    os.utime(root / "contributions" / "good" / "metadata.json", (0, 0))
    shutil.rmtree(root / "out")
    export(root)
    assert tree(root / "out") == first


def test_run_script_clones_and_trains(root: Path, tmp_path: Path) -> None:
    record(root / "contributions" / "good")
    export(root)
    script = root / "out/contributions/good/run.sh"
    assert os.access(script, os.X_OK)
    assert f"# {SMALL.predictions_name}, made at commit {COMMIT}\n" in script.read_text()
    assert "/home/someone" not in script.read_text()

    # What example.org would have: a stand-in that writes down how it was called.
    upstream = tmp_path / "upstream"
    (upstream / "contributions/good").mkdir(parents=True)
    (upstream / "setup.sh").write_text("install() { echo installed > log; }\n")
    (upstream / "contributions/good/run.sh").write_text('echo "$@" >> log\n')
    git("init", "--quiet", "--initial-branch=main", cwd=upstream)
    git("add", ".", cwd=upstream)
    who = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    git(*who, "commit", "--quiet", "--message=m", cwd=upstream)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {
        "TMPDIR": str(elsewhere),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{upstream.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
    }
    done = subprocess.run(
        [script], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (clone,) = elsewhere.iterdir()
    assert (clone / "log").read_text() == ("installed\n--benchmark small --epochs 3 --seed 7\n")
    assert done.stdout == f"The predictions: {clone}/contributions/good\n"


def test_run_script_answers_for_pictures_and_trains_nothing(root: Path) -> None:
    pictures = small_benchmark.NAME
    small_benchmark.add_real(root / "benchmarks", dict.fromkeys(small_benchmark.CLASSES, b""))
    csv = "id,prediction\n" + "".join(f"{id},4\n" for id in small_benchmark.CLASSES)
    add(root, "good", csv, pictures)
    assert export(root, "--benchmark", "pictures").returncode == 0
    script = (root / "out/contributions/good/run.sh").read_text()
    run = ".venv/bin/python -m jarvis_stem"
    assert (
        f"# {pictures.predictions_name}\n"
        f"{run} data fetch --benchmark pictures\n"
        f"{run} predict --benchmark pictures --contribution good\n" in script
    )
    assert "contributions/good/run.sh" not in script
    benchmark = root / "out/benchmarks" / pictures.page_path(".json.zip")
    splits = json.loads(read_zip(benchmark, f"{pictures.benchmark_name}.json"))
    assert splits == {"train": {}, "test": small_benchmark.CLASSES}


def test_run_script_of_a_model_trained_otherwise(root: Path) -> None:
    export(root)
    script = (root / "out/contributions/good/run.sh").read_text()
    assert (
        f"# {SMALL.predictions_name}\nbash contributions/good/run.sh --benchmark small\n" in script
    )


def test_a_repository_address_is_quoted(root: Path) -> None:
    project = {"repository_url": "https://example.org/$HOME;id|sh", "benchmarks": []}
    (root / "metadata.json").write_text(json.dumps(project))
    assert export(root).returncode == 0
    script = (root / "out/contributions/good/run.sh").read_text()
    assert "\ngit clone 'https://example.org/$HOME;id|sh' \"$work\"\n" in script


def test_what_is_left_to_a_person_is_said(root: Path) -> None:
    published = {"score": 0.5, "source": "there", "right_ids": "", "predictions_sha256": ""}
    path = root / "benchmarks" / SMALL.page_path(".reference.json")
    path.write_text(json.dumps({"published": {"good": published}}))
    done = export(root)
    assert done.returncode == 0, done.stderr
    taken, new = done.stderr.splitlines()
    assert taken == (
        "note: JARVIS-Leaderboard has a good of its own; --prefix names yours otherwise"
    )
    assert new.startswith("note: small_bravais_class.json.zip is new to JARVIS-Leaderboard")
    assert "docs/AI/ImageClass/small_bravais_class.md" in new
    done = export(root, "--prefix", "team_")
    assert "of its own" not in done.stderr


def test_a_failing_contribution_is_named_and_the_others_are_exported(root: Path) -> None:
    add(root, "bad", "id,prediction\nd.jpg,0\n")
    add(root, "bad", name=OTHER)  # its good result does not save it
    done = export(root)
    assert done.returncode == 1
    assert f"not exported: bad: {SMALL.predictions_name}: 3 ids missing" in done.stderr
    assert [path.name for path in (root / "out/contributions").iterdir()] == ["good"]


def test_a_program_gets_what_was_exported(root: Path) -> None:
    add(root, "bad", "id,prediction\nd.jpg,0\n")
    done = export(root, "--json")
    assert done.returncode == 1
    shown = json.loads(done.stdout)
    assert shown["exported"] == {"out/contributions/good": [str(SMALL)]}
    assert list(shown["not_exported"]) == ["bad"]
    assert any("small_bravais_class.json.zip is new to JARVIS" in note for note in shown["notes"])


def test_a_quiet_export_names_faults_alone(root: Path) -> None:
    done = export(root, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = export(root, "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("not exported: good: out/contributions/good is there already")


def test_a_folder_that_is_there_is_kept(root: Path) -> None:
    export(root)
    before = tree(root / "out")
    add(root, "good", PREDICTIONS.replace("1,f.jpg", "2,f.jpg"))
    done = export(root)
    assert done.returncode == 1
    assert "out/contributions/good is there already; remove it, or choose a name" in done.stderr
    assert tree(root / "out") == before


@pytest.mark.parametrize("change", [{"author_email": ""}, {"git_url": None}])
def test_metadata_that_jarvis_would_refuse(root: Path, change: dict[str, Any]) -> None:
    path = root / "contributions" / "good" / "metadata.json"
    path.write_text(json.dumps({**FULL, **change}))
    done = export(root)
    assert done.returncode == 1
    assert done.stderr.startswith("not exported: good: ")
    assert "metadata.json: " in done.stderr and f"'{next(iter(change))}'" in done.stderr
    assert not (root / "out").exists()


@pytest.mark.parametrize(
    "change", [{"recipe": {"epochs": "; id"}}, {"seed": "1"}, {"git_commit": "x\nid"}]
)
def test_a_broken_record_reaches_no_script(root: Path, change: dict[str, Any]) -> None:
    record(root / "contributions" / "good", **change)
    done = export(root)
    assert done.returncode == 1
    assert f"{SMALL}.run.json: '{next(iter(change))}'" in done.stderr
    assert not (root / "out").exists()


def test_another_benchmark_of_that_name_is_kept(root: Path) -> None:
    (root / "out/contributions").mkdir(parents=True)
    other = add_benchmark(root / "out/benchmarks", splits={"test": {"d.jpg": 1}})
    before = tree(root / "out")
    done = export(root)
    assert done.returncode == 1
    assert f"{other.relative_to(root)}: differs from benchmarks/" in done.stderr
    assert tree(root / "out") == before  # and no contribution without its benchmark


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["good", "nowhere"], "contributions/nowhere: no such contribution; there are good"),
        (["--benchmark", "none"], "contributions: nothing to export"),
        (["--contributions", "none"], "none: no such folder of contributions"),
        (["--jarvis", "benchmarks"], "benchmarks: neither empty nor with a folder contributions"),
        (["--jarvis", "metadata.json"], "metadata.json: expected a folder"),
    ],
)
def test_faults_of_the_whole_command(root: Path, arguments: list[str], message: str) -> None:
    before = tree(root)
    done = export(root, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {message}")
    assert tree(root) == before


@pytest.mark.parametrize("prefix", ["../", "a/b", ".", " ", "$(x)"])
def test_a_prefix_stays_a_name(root: Path, prefix: str) -> None:
    done = export(root, f"--prefix={prefix}")
    assert done.returncode == 2
    assert "expected letters, digits" in done.stderr
    assert not (root / "out").exists()


def test_the_committed_contributions_export(tmp_path: Path) -> None:
    target = tmp_path / "jarvis"
    done = python("-m", "jarvis_stem.export", "--jarvis", target)
    assert done.returncode == 0, done.stderr
    files = tree(target)
    # The benchmark that JARVIS-Leaderboard has is not written over, new ones go with the results.
    found = (REPOSITORY / "contributions").glob(f"*/*{PREDICTIONS_SUFFIX}")
    names = {ResultName.parse(path.name) for path in found} - {REAL}
    assert [name for name in files if name.startswith("benchmarks/")] == sorted(
        f"benchmarks/{name.page_path(BENCHMARK_SUFFIX).as_posix()}" for name in names
    )
    for model in ("densenet_model", "resnet_model"):
        assert f"contributions/{model}/{REAL.predictions_name}" in files
        # Trained here, these are plain already.
        exported = files[f"contributions/{model}/{REAL.predictions_name}"][1]
        committed = REPOSITORY / "contributions" / model / REAL.predictions_name
        assert exported == committed.read_bytes()
        script = target / "contributions" / model / "run.sh"
        subprocess.run(["bash", "-n", script], check=True)
