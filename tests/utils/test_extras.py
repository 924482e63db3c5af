"""What is not installed is named, with what installs it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import jarvis_stem
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.extras import explained


def test_a_picture_that_needs_an_extra_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mrcfile", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "jarvis_stem.imaging.picture_files.mrc", raising=False)
    (tmp_path / "scan.mrc").write_bytes(bytes(2000))
    with pytest.raises(StemError, match=r"scan\.mrc: mrcfile is not .*\[microscope\]"):
        jarvis_stem.predict(tmp_path / "scan.mrc")


def test_a_table_that_needs_an_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = jarvis_stem.predict(np.random.default_rng(0).random((99, 99)))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(StemError, match=r"to_frame: pandas is not .*\[table\]"):
        answers.to_frame()


def test_a_fault_of_the_code_stays_what_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"jarvis_stem\.nowhere"), explained("x"):
        import jarvis_stem.nowhere  # type: ignore[import-not-found]  # noqa: F401
