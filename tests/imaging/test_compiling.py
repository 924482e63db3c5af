"""The line that says why the first answer takes longer."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numba import njit

from jarvis_stem.imaging import compiling


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_person_is_told_once_that_kernels_are_compiled(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    kernels = [njit(lambda x, n=n: x + n) for n in range(3)]
    with compiling.noted():
        assert [int(kernel(np.int64(1))) for kernel in kernels[:2]] == [1, 2]
    assert kernels[2](1) == 3  # of this nobody is told
    said = capsys.readouterr().err
    assert said.count("compiling for this machine") == (1 if is_terminal else 0)
