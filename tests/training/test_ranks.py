"""Training in several processes: torchrun as a user starts it, and what each process takes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from helpers import PATIENCE, PROTO, REPOSITORY, TINY_MODEL, start

from jarvis_stem.training import ranks

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TRAIN = ["-m", "jarvis_stem.train"]


@pytest.mark.parametrize(("n", "count"), [(64, 2), (7, 3), (5, 5)])
def test_shares_make_up_the_batch(n: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = torch.randperm(n)
    monkeypatch.setattr(ranks, "count", lambda: count)
    shares = []
    for rank in range(count):
        monkeypatch.setattr(ranks, "rank", lambda rank=rank: rank)
        shares.append(ranks.share(batch))
    assert torch.equal(torch.cat(shares), batch)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_process_by_itself_has_all_there_is() -> None:
    with ranks.joined():
        assert (ranks.rank(), ranks.count()) == (0, 1)
        assert list(ranks.in_turn(3)) == [0, 1, 2]
        assert ranks.totals([1.5, 2], torch.device("cpu")) == [1.5, 2]
        assert ranks.of_first(lambda: "made") == "made"
        model = torch.nn.Linear(1, 1)
        assert ranks.parallel(model) is model


def command(work: Path, model: str, text: str, *more: str) -> list[str]:
    """Arguments of a training of a model on the built-in benchmark."""
    folder = work / "contributions" / model
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(text)
    arguments = [*TRAIN, model, "--benchmark", PROTO.dataset, "--runs", str(work / "runs")]
    return [*arguments, "--contributions", str(work / "contributions"), *more]


def trained(work: Path, model: str) -> Any:
    """The record of a training."""
    path = work / "contributions" / model / PROTO.run_record_name
    return json.loads(path.read_text(encoding="utf-8"))


def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return start([sys.executable, *arguments])


@pytest.mark.training
def test_the_first_process_alone_speaks_and_writes(tiny_benchmarks: Path, tmp_path: Path) -> None:
    more = ["--benchmarks", str(tiny_benchmarks), "--json"]
    done = run([*TORCHRUN, *command(tmp_path, "tiny", TINY_MODEL, *more)])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n"] == 20
    epochs = [line for line in done.stderr.splitlines() if line.startswith("Epoch ")]
    assert [line.split()[1] for line in epochs] == ["1/2", "2/2"]
    record = trained(tmp_path, "tiny")
    assert record["processes"] == 2
    assert len(record["history"]) == 2
    runs = tmp_path / "runs" / "tiny" / "stem_2d_proto_bravais_class"
    assert len((runs / "metrics.csv").read_text().splitlines()) == 3


FAILS_ONCE = f"""\
import os
{TINY_MODEL}
from torch.nn import Sequential

class Net(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, images):
        if self.training and os.environ.get("RANK") == "1":
            raise ValueError("only here")
        return self.inner(images)

built = build
def build(classes):
    return Net(built(classes))
"""


@pytest.mark.training
def test_a_fault_in_one_process_ends_all_with_one_line(
    tiny_benchmarks: Path, tmp_path: Path
) -> None:
    more = ["--benchmarks", str(tiny_benchmarks)]
    done = run([*TORCHRUN, *command(tmp_path, "tiny", FAILS_ONCE, *more)])
    assert done.returncode != 0
    (said,) = (line for line in done.stderr.splitlines() if "error: " in line)
    assert "tiny/model.py:" in said
    assert "ValueError: only here" in said
    assert not list(tmp_path.rglob("*.csv.zip"))


LATTICE_MODEL = (REPOSITORY / "contributions" / "lattice_model" / "model.py").read_text()


@pytest.mark.nightly
@pytest.mark.training
def test_two_processes_come_to_the_accuracy_of_one(tmp_path: Path) -> None:
    alone = run(command(tmp_path / "one", "lattice_model", LATTICE_MODEL))
    assert alone.returncode == 0, alone.stderr
    done = run([*TORCHRUN, *command(tmp_path / "two", "lattice_model", LATTICE_MODEL)])
    assert done.returncode == 0, done.stderr
    one, two = (
        trained(tmp_path / name, "lattice_model")["result"]["accuracy"] for name in ("one", "two")
    )
    assert one > 0.98
    assert abs(one - two) <= 0.005


@pytest.mark.nightly
@pytest.mark.training
def test_a_killed_process_ends_all_and_resume_goes_on(tmp_path: Path) -> None:
    arguments = command(tmp_path, "lattice_model", LATTICE_MODEL, "--epochs", "500")
    curve = tmp_path / "runs" / "lattice_model" / "stem_2d_proto_bravais_class" / "metrics.csv"
    with subprocess.Popen([sys.executable, *TORCHRUN, *arguments], cwd=REPOSITORY) as parent:
        deadline = time.monotonic() + PATIENCE
        while not (curve.exists() and len(curve.read_text().splitlines()) > 2):
            assert parent.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        children = psutil.Process(parent.pid).children()
        next(child for child in children if child.environ().get("RANK") == "1").kill()
        assert parent.wait(PATIENCE) != 0
    before = curve.read_text().splitlines()
    done = run([*TORCHRUN, *arguments, "--resume", "--until", "0.9"])
    assert done.returncode == 0, done.stderr
    after = curve.read_text().splitlines()
    assert after[: len(before)] == before
    history = trained(tmp_path, "lattice_model")["history"]
    assert [epoch["epoch"] for epoch in history] == list(range(1, len(after)))
