"""What a run writes as it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from jarvis_stem.training import history
from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.training.history import HistoryWriter


def some_epochs(epochs: int) -> list[Epoch]:
    return [Epoch(n, 1e-3, 1 / n, 1 - 1 / n, 1 / n, 1 - 1 / n, 1, 1) for n in range(1, 1 + epochs)]


def test_epochs_are_written_each_time_and_drawn_at_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = HistoryWriter(tmp_path)
    pictures = []
    for epochs, every in ((1, 1e9), (2, 1e9), (3, 0)):
        monkeypatch.setattr(history, "_DRAWN_EVERY", every)
        writer.write(some_epochs(epochs))
        lines = (tmp_path / "metrics.csv").read_text().splitlines()
        assert lines[0].startswith("epoch,learning_rate,train_loss,")
        assert len(lines) == 1 + epochs
        pictures.append((tmp_path / "learning_curve.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
    writer.draw(some_epochs(2))
    assert (tmp_path / "learning_curve.png").read_bytes() not in pictures
    assert writer.n_written == 3
