"""The kernels' sources."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig

import pybind11
import pytest
from helpers import PATIENCE, REPOSITORY

COMPILER = shutil.which("g++") or shutil.which("clang++")


@pytest.mark.skipif(COMPILER is None, reason="neither g++ nor clang++ here")
def test_a_compiler_finds_nothing_to_warn_of() -> None:
    sources = sorted((REPOSITORY / "jarvis_stem" / "imaging" / "kernels").glob("*.cpp"))
    options = ("-fsyntax-only", "-std=c++17", "-fvisibility=hidden", "-fopenmp-simd")
    warnings = ("-Wall", "-Wextra", "-Werror")
    headers = [
        f"-isystem{folder}" for folder in (pybind11.get_include(), sysconfig.get_path("include"))
    ]
    assert sources
    done = subprocess.run(
        [str(COMPILER), *options, *warnings, *headers, *sources],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
