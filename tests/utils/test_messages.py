from __future__ import annotations

import pytest
from helpers import costly
from hypothesis import given
from hypothesis import strategies as st

from jarvis_stem.utils.messages import count, printable, quote, some

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@costly
@given(JSON)
def test_what_is_quoted_is_one_short_line(value: object) -> None:
    assert quote(value).isprintable()
    assert len(quote(value)) <= 90


@given(st.text(max_size=50).filter(str.isprintable))
def test_short_text_is_quoted_whole(text: str) -> None:
    assert quote(text) == repr(text)


def test_branching_data_is_cut() -> None:
    tree: object = "x" * 99
    for _ in range(9):
        tree = [tree] * 9
    assert quote(tree).startswith("[[[[[[")
    assert quote(tree).endswith("...")


@pytest.mark.parametrize(
    ("found", "counted", "listed"),
    [
        ([1], "1 id", "1"),
        ([1, 2, 3], "3 ids", "1, 2, 3"),
        ("abcd", "4 ids", "a, b, c, …"),
    ],
)
def test_some_of_many(found: list[object], counted: str, listed: str) -> None:
    assert count(found, "id") == counted
    assert some(found) == listed


def test_names_as_they_are_where_a_terminal_would_not_obey() -> None:
    assert printable("<é>") == "<é>"
    assert printable("a\x1b[2J\udcff") == r"'a\x1b[2J\udcff'"
