"""The drawing of a run's epochs."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.training.learning_curve import learning_curve

SVG = "{http://www.w3.org/2000/svg}"
FIRST = Epoch(1, 1e-3, 1.6, 0.3, 1.5, 0.4, 1, 1)


def drawn(history: list[Epoch]) -> list[list[tuple[float, float]]]:
    """Places of the epochs on each curve: loss of train and validation, then accuracy."""
    root = ElementTree.fromstring(learning_curve(history))  # noqa: S314 - our text
    lines = [line.get("points", "") for line in root.iter(f"{SVG}polyline")]
    return [[tuple(map(float, place.split(","))) for place in line.split()] for line in lines]  # type: ignore[misc]


def numbers(history: list[Epoch]) -> list[str]:
    root = ElementTree.fromstring(learning_curve(history))  # noqa: S314 - our text
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_curves_go_where_the_numbers_do() -> None:
    history = [
        replace(FIRST, epoch=n, train_loss=2 / n, train_accuracy=1 - 1 / n, validation_accuracy=0.5)
        for n in range(1, 31)
    ]
    loss, _, accuracy, level = drawn(history)
    assert [x for x, _ in loss] == sorted({x for x, _ in loss})
    assert [y for _, y in loss] == sorted(y for _, y in loss)  # y is down
    assert [y for _, y in accuracy] == sorted((y for _, y in accuracy), reverse=True)
    assert len({y for _, y in level}) == 1
    assert all(60 <= x <= 390 and 15 <= y <= 300 for line in (loss, accuracy) for x, y in line)
    texts = numbers(history)
    assert {"loss", "accuracy", "epoch", "train", "validation", "30", "0.4", "2"} <= {*texts}


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-9, 0.3333333, 1e9])
def test_one_epoch_is_drawn_whatever_its_numbers(value: float) -> None:
    alike = replace(FIRST, train_loss=value, validation_loss=value)
    (loss,), *_ = drawn([alike])
    assert all(15 <= number <= 390 for number in loss)
