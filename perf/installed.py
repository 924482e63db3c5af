"""Measure what an installed package takes, in environments that are made for it.

python perf/installed.py --before DIR

Builds the wheel, installs it with the core alone and with every extra, and the package of an
earlier checkout with all that it requires, each in an empty environment with the versions of
constraints.txt. Prints how large the environments are, less what an empty one takes, and how long
and in how much memory the core answers for a picture in a new process. Needs a package index and a
C++ compiler.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from builds import Build

from jarvis_stem import cli

_ROOT = Path(__file__).resolve().parents[1]
_ANSWERS = 5  # of which the median counts
# In a process of its own: Linux counts the memory of a parent to a child's peak.
_DRAW = """\
import sys
from PIL import Image
from jarvis_stem.imaging import prototypes, stem
drawn = stem.simulate([prototypes.structures()["proto-1H-MoS2.jpg"]])
Image.fromarray(stem.to_uint8(drawn)[0]).save(sys.argv[1])
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the environments and print their figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, metavar="DIR", help="checkout of an earlier build")
    parser.add_argument("--no-extras", action="store_true", help="leave the extras out")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="perf-installed-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "build", "--outdir", str(folder), str(_ROOT)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = folder.glob("*.whl")
        print(f"wheel      {wheel.stat().st_size / 1e6:.1f} MB")
        empty = _environment(folder / "empty")
        core = _environment(folder / "core", str(wheel))
        sizes = {"core": _megabytes(core) - _megabytes(empty)}
        _print_answers(core, folder)
        if not options.no_extras:
            sizes["all"] = _megabytes(_environment(folder / "all", f"{wheel}[all]")) - _megabytes(
                empty
            )
        if options.before:
            before = _environment(folder / "before", "torch")
            _pip(before, "--no-deps", "torchvision")
            _pip(before, str(options.before.resolve()))
            sizes["before"] = _megabytes(before) - _megabytes(empty)
        for what, size in sizes.items():
            print(f"{what:10s} {size:.0f} MB")
        if options.before:
            print(f"core is {sizes['core'] / sizes['before']:.2f} times the size of before")
    return 0


def _environment(folder: Path, *wanted: str) -> Path:
    """An environment with what is wanted, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if wanted:
        _pip(folder, *wanted)
    return folder


def _pip(environment: Path, *wanted: str) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--constraint", str(_ROOT / "constraints.txt"), *wanted], check=True)


def _megabytes(environment: Path) -> float:
    """What the packages take, pip and setuptools among them."""
    files = (path for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def _print_answers(environment: Path, work: Path) -> None:
    """Have the installed command answer for a picture, time after time."""
    picture = work / "picture.png"
    subprocess.run([sys.executable, "-c", _DRAW, picture], check=True, cwd=_ROOT)
    build = Build(work, environment / "bin" / "python")
    predict = ("-m", "jarvis_stem", "predict", picture, "--pixel-size", "0.2", "--json")
    runs = [build.run(*predict) for _ in range(_ANSWERS)]
    print(f"answer     {statistics.median(run.seconds for run in runs):.2f} s")
    print(f"memory     {max(run.megabytes for run in runs):.0f} MB")


if __name__ == "__main__":
    sys.exit(cli.run(main))
