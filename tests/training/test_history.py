"""What a run writes as it goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jarvis_stem.training import history
from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.training.history import HistoryWriter


def some_epochs(epochs: int) -> list[Epoch]:
    return [Epoch(n, 1e-3, 1 / n, 1 - 1 / n, 1 / n, 1 - 1 / n, 1, 1) for n in range(1, 1 + epochs)]


def test_epochs_are_written_at_times_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_WRITTEN_EVERY", 1e9)
    table, curve = tmp_path / "metrics.csv", tmp_path / "learning_curve.png"
    with pytest.raises(KeyboardInterrupt), HistoryWriter(tmp_path) as writer:
        for epochs in (1, 2, 3):
            writer.write(some_epochs(epochs))
            lines = table.read_text().splitlines()
            assert lines[0].startswith("epoch,learning_rate,train_loss,")
            assert lines[1].startswith("1,0.001,1,0,")
            assert len(lines) == 1 + 1  # the first is there at once, the others are too soon
        raise KeyboardInterrupt
    assert len(table.read_text().splitlines()) == 1 + 3
    with Image.open(curve) as picture:
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10
    assert writer.n_written == 3


def test_each_epoch_is_written_where_they_are_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_WRITTEN_EVERY", -1)
    monkeypatch.setattr(history, "_DRAWN_EVERY", -1)
    with HistoryWriter(tmp_path) as writer:
        for epochs in (1, 2):
            writer.write(some_epochs(epochs))
            assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 1 + epochs
    assert (tmp_path / "learning_curve.png").exists()


def test_a_curve_that_cannot_be_drawn_harms_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "learning_curve.png").mkdir()
    with HistoryWriter(tmp_path) as writer:
        writer.write(some_epochs(1))
    assert "learning_curve.png: not drawn: IsADirectoryError" in capsys.readouterr().err
    assert (tmp_path / "metrics.csv").exists()


def test_without_an_epoch_nothing_is_written(tmp_path: Path) -> None:
    with HistoryWriter(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
