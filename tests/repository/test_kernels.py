"""The kernels' sources, and what compiling them takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pybind11
import pytest
from helpers import PATIENCE, REPOSITORY, python

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


@pytest.mark.skipif(sys.platform == "win32", reason="Microsoft's compiler is named by setuptools")
@pytest.mark.parametrize(
    ("compiler", "headers", "line"),
    [
        (
            "nothing-here",
            "",
            "error: nothing-here: a C++ compiler is needed, and this one is not here",
        ),
        (sys.executable, "nowhere", "error: nowhere: Python.h is needed, and is not here; install"),
    ],
)
def test_what_compiling_lacks_is_named(
    compiler: str, headers: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", compiler)
    program = (
        "import runpy, sysconfig\n"
        "known = sysconfig.get_path\n"
        f"sysconfig.get_path = lambda name, *more: {headers!r} or known(name, *more)\n"
        "runpy.run_path('setup.py', run_name='__main__')\n"
    )
    places = ("--build-temp", tmp_path, "--build-lib", tmp_path)
    done = python("-c", program, "--quiet", "build_ext", "--force", *places)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(line), done.stderr
