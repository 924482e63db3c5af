"""Predictions that are written plainly are read by comparing bytes, and only those."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import SMALL_SPLITS

from jarvis_stem.formats.plain_rows import PlainRows

SPLIT = SMALL_SPLITS["test"]
PLAIN = "id,prediction\nd.jpg,0\ne.jpg,1\nf.jpg,2\ng.jpg,1\n"
TARGETED = "id,target,prediction\nd.jpg,0,0\ne.jpg,1,1\nf.jpg,2,2\ng.jpg,2,1\n"


def rows(split: dict[str, Any], *more: int | str) -> PlainRows:
    return PlainRows(split, sorted({*split.values(), *more}, key=str))


@pytest.mark.parametrize("text", [PLAIN, TARGETED])
def test_what_is_plain(text: str) -> None:
    header, *lines = text.splitlines()
    for written in (
        text,
        text.removesuffix("\n"),
        text.replace("\n", "\r\n"),
        text.replace("\n", "\r\n").removesuffix("\r\n"),
        text.replace("\n", "\r\n", 2),
        "\n".join([header, *lines[::-1]]),
    ):
        for encoding in ("utf-8", "utf-8-sig"):
            predicted = rows(SPLIT).read(written.encode(encoding))
            assert predicted is not None
            assert predicted.tolist() == [0, 1, 2, 1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("d.jpg", '"d.jpg"'),
        ("d.jpg", " d.jpg"),
        ("d.jpg", "D.jpg"),
        ("d.jpg", "e.jpg"),
        ("d.jpg", "a.jpg"),
        ("d.jpg", ""),
        ("d.jpg", "d\0.jpg"),
        ("d.jpg", "#d.jpg"),
        ("d.jpg", "d\n.jpg"),
        ("d.jpg,0", ""),
        ("d.jpg,0\n", ""),
        ("d.jpg,0\n", "0\n"),
        ("d.jpg,0\n", "\n"),
        ("d.jpg,0\n", "d.jpg,0\n\n"),
        ("d.jpg,0\n", "d.jpg,0\nd.jpg,0\n"),
        ("d.jpg,0\n", "d.jpg,0\r"),
        ("d.jpg,0\n", "d.jpg,0\r\r\n"),
        ("d.jpg,0\n", "d.jpg,0\x0b"),
        ("g.jpg,1\n", "g.jpg,1\n\n"),
        ("g.jpg,1\n", "g.jpg,1\n# end"),
        ("e.jpg,1", "e.jpg,1.0"),
        ("e.jpg,1", "e.jpg,+1"),
        ("e.jpg,1", "e.jpg,1e0"),
        ("e.jpg,1", "e.jpg, 1"),
        ("e.jpg,1", "e.jpg,1 "),
        ("e.jpg,1", "e.jpg,"),
        ("e.jpg,1", "e.jpg,3"),
        ("e.jpg,1", "e.jpg,-"),
        ("e.jpg,1", "e.jpg,01"),
        ("e.jpg,1", "e.jpg," + "9" * 400),
        ("e.jpg,1", "e.jpg,\u0661"),
        ("e.jpg,1", "e.jpg,\uff11"),
        ("e.jpg,1", "e.jpg;1"),
        ("e.jpg,1", "e.jpg\t1"),
        ("e.jpg,1", "e.jpg,1,1"),
        ("e.jpg,1", "1,e.jpg"),
        ("id,prediction", "prediction,id"),
        ("id,prediction", " id,prediction"),
        ("id,prediction", "id,target,prediction"),
        ("id,prediction", "id,prediction,note"),
        ("id,prediction", "\n id,prediction"),
        ("id,prediction", "\ufeffid,prediction"),
        ("id,prediction\n", ""),
    ],
)
def test_what_is_not(old: str, new: str) -> None:
    assert old in PLAIN
    for encoding in ("utf-8", "utf-8-sig"):
        written = PLAIN.replace(old, new, 1).encode(encoding)
        assert (rows(SPLIT).read(written) is None) != (encoding == "utf-8" and new[:1] == "\ufeff")
    assert rows(SPLIT).read(PLAIN.replace(old, new, 1).encode("utf-16")) is None
    assert rows(SPLIT).read(b"") is None


def test_targets_are_the_benchmarks() -> None:
    assert rows(SPLIT).read(TARGETED.replace("e.jpg,1,1", "e.jpg,2,1").encode()) is None
    assert rows(SPLIT).read(TARGETED.replace("e.jpg,1,1", "e.jpg,,1").encode()) is None


@pytest.mark.parametrize(
    "split",
    [
        {"a": 1, "b": "1"},  # which of them would be meant?
        {"a": 1, "b,": 0},
        {"a": 1, 'b"': 0},
        {"a": 1, " b": 0},
        {"a": 1, "b\n": 0},
        {"a": 1, "b\r": 0},
        {"a": 1, "é": 0},
        {"a": 1, "\ud800": 0},
        {"a": 1, "": 0},
        {"a": 1, "b" * 200_000: 0},
        {"a": 1, "b": " "},
        {"a": 1, "b": ","},
        {"a": 1, "b": ""},
        {"a": 10, "b": 0},
    ],
)
def test_benchmarks_that_need_more_than_plain_rows(split: dict[str, Any]) -> None:
    for end in ("\n", "\r\n"):
        written = end.join(["id,prediction", *(f"{id},{c}" for id, c in split.items()), ""])
        assert rows(split).read(written.encode("utf-8", "surrogatepass")) is None


def test_classes_of_more_characters_may_be_there() -> None:
    """Only what is predicted needs a single one."""
    split = rows({"a": 10, "b": 0}, "x")
    predicted = split.read(b"id,target,prediction\nb,0,0\na,10,x\n")
    assert predicted is not None
    assert predicted.tolist() == [2, 0]
    assert split.read(b"id,target,prediction\nb,0,0\na,10,10\n") is None
    assert split.read(b"id,prediction\nb,0\na,1\n") is None
