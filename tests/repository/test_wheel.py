"""The package as it is installed: its wheel, and what works with the core alone."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from email.parser import HeaderParser
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from helpers import PATIENCE, REPOSITORY
from PIL import Image

from jarvis_stem.formats.names import DEFAULT_MODEL, bravais_result
from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.utils.extras import EXTRAS

STORED = bravais_result("stem_2d_image")
# Stands in for an environment in which only the core is installed.
ALONE = """
import importlib.util, runpy, sys
blocked = set(sys.argv.pop(1).split(","))
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in blocked else find(name)

class Core:
    @staticmethod
    def find_spec(name, path=None, target=None):
        package = name.partition(".")[0]
        if package in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=package)

sys.meta_path.insert(0, Core)
"""
CORE_ALONE = f"""{ALONE}
sys.argv[0] = "-m"
runpy.run_module("jarvis_stem", run_name="__main__", alter_sys=True)
"""
BEYOND = sorted({name for extra in EXTRAS.values() for name in extra} | {"jarvis", "torchvision"})


def run(
    command: Sequence[str | Path], cwd: Path, status: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**variables, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the files that git would commit, built of its source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    listing = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], REPOSITORY)
    for name in filter(lambda name: (REPOSITORY / name).is_file(), listing.stdout.splitlines()):
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).symlink_to(REPOSITORY / name)
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, "source"], folder)
    run([sys.executable, "-m", "twine", "check", "--strict", *folder.glob("jarvis_stem-*")], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel, and this environment's packages."""
    folder = tmp_path_factory.mktemp("installed")
    run([sys.executable, "-m", "venv", "--without-pip", "environment"], folder)
    (packages,) = folder.glob("environment/[Ll]ib/**/site-packages")
    shutil.unpack_archive(wheel, packages, "zip")
    shared = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "shared.pth").write_text("\n".join(shared))
    return folder / "environment" / "bin" / "python"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture."""
    folder = tmp_path_factory.mktemp("work")
    drawn = stem.simulate([prototypes.structures()["proto-1H-MoS2.jpg"]])
    picture = Image.fromarray(stem.to_uint8(drawn)[0])
    for kind in ("png", "tif", "jpg"):
        picture.save(folder / f"picture.{kind}")
    np.save(folder / "picture.npy", np.asarray(picture))
    return folder


def core(
    python: Path, work: Path, *arguments: str | Path, status: int = 0, extra: str = ""
) -> tuple[str, str]:
    """Run a command with the core alone, or with one extra."""
    blocked = ",".join(sorted({*BEYOND} - {*EXTRAS.get(extra, ())}))
    command = [python, "-W", "ignore", "-c", CORE_ALONE, blocked, *arguments]
    done = run(command, work, status)
    return done.stdout, done.stderr


def test_the_wheel_has_the_default_model_and_a_list_of_the_others(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        place = "jarvis_stem/contributions"
        held = sorted(name for name in names if name.startswith(f"{place}/"))
        model = f"{place}/{DEFAULT_MODEL}/{STORED.model_name}"
        record = f"{place}/{DEFAULT_MODEL}/{STORED.run_record_name}"
        assert held == sorted([f"{place}/release.json", model, record])
        for name in (model, record):
            committed = REPOSITORY / name.removeprefix("jarvis_stem/")
            assert archive.read(name) == committed.read_bytes()
        released = json.loads(archive.read(f"{place}/release.json"))
    records = {
        path.parent.name: json.loads(path.read_text())["model"]
        for path in REPOSITORY.glob(f"contributions/*/{STORED.run_record_name}")
    }
    assert {
        name: {key: one["stem_2d_image"][key] for key in ("sha256", "bytes")}
        for name, one in released.items()
    } == records
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"jarvis_stem", next(top for top in tops if top.endswith(".dist-info"))}
    data = {".j2", ".css", ".js", ".png", ".svg", ".typed", ".json", ".onnx", ".py", ".pyi"}
    kernels = f"jarvis_stem/imaging/_kernels{EXTENSION_SUFFIXES[0]}"
    files = {name for name in names if name.startswith("jarvis_stem/")}
    assert {Path(name).suffix for name in files - {kernels}} <= data  # no sources of kernels
    assert {kernels, "jarvis_stem/imaging/_kernels.pyi"} <= files
    assert wheel.stat().st_size < 2e6


def test_the_source_distribution_has_what_the_kernels_are_made_of(wheel: Path) -> None:
    (source,) = wheel.parent.glob("jarvis_stem-*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    place = "jarvis_stem/imaging/kernels"
    files = {f"{place}/{path.name}" for path in (REPOSITORY / place).iterdir()}
    assert {name for name in names if name.startswith(f"{place}/")} == files
    assert {Path(name).suffix for name in names} & {".so", ".o"} == set()


def test_the_core_alone_predicts(python: Path, work: Path) -> None:
    pictures = [f"picture.{kind}" for kind in ("png", "tif", "jpg", "npy")]
    printed, errors = core(python, work, "predict", *pictures, "--pixel-size", "0.2", "--json")
    assert errors == ""
    answers = json.loads(printed)
    assert [answer["class"] for answer in answers] == [0] * len(pictures)
    lengths = [answer["lattice"]["a"] for answer in answers]
    assert lengths == pytest.approx([3.16] * len(pictures), abs=0.001)


def test_what_a_release_tests_its_wheels_by_needs_the_core_alone(python: Path, work: Path) -> None:
    script = REPOSITORY / "tests" / "installed_answers.py"
    program = f"{ALONE}\nrunpy.run_path({str(script)!r}, run_name='__main__')"
    done = run([python, "-c", program, ",".join(BEYOND)], work)
    assert done.stdout.count(" is answered ") == 5


def test_a_structure_needs_no_jarvis_tools(python: Path, work: Path) -> None:
    (work / "POSCAR").write_text(POSCAR)
    printed, errors = core(python, work, "predict", "POSCAR", "--json", extra="structures")
    assert errors == ""
    (answer,) = json.loads(printed)
    assert (answer["class"], answer["structure"]["formula"]) == (0, "C2")


def test_the_core_alone_answers_python(python: Path, work: Path) -> None:
    program = (
        "import sys, numpy\nfrom jarvis_stem import list_models, load_model, predict\n"
        "(answer,) = predict('picture.png', 0.2)\n"
        "classes = load_model().predict(numpy.zeros((1, 256, 256), 'uint8'))\n"
        "print(answer.class_name, classes.shape)\n"
        "print({m.place for m in list_models()}, 'torch' in sys.modules)"
    )
    done = run([python, "-c", program], work)
    assert done.stdout.splitlines()[0] == "hexagonal (1,)"
    assert "here" in done.stdout and "release" in done.stdout and "False" in done.stdout


def test_the_core_alone_scores_and_checks(python: Path, work: Path) -> None:
    for folder in ("contributions", "benchmarks"):
        (work / folder).symlink_to(REPOSITORY / folder)
    address = ("--repository-url", "https://example.org/r")
    printed, _ = core(python, work, "score", "--output", "docs", *address)
    assert DEFAULT_MODEL in printed
    assert "page:" not in printed
    assert [path.name for path in (work / "docs").iterdir()] == ["leaderboard.json"]
    printed, _ = core(python, work, "check", f"contributions/{DEFAULT_MODEL}")
    assert f"pass  {STORED.model_name}" in printed


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("predict picture.png --plot", "plot"),
        ("predict POSCAR", "structures"),
        ("predict scan.mrc", "microscope"),
        ("train lattice_model", "train"),
        ("convert lattice_model", "train"),
    ],
)
def test_a_missing_extra_is_named(python: Path, work: Path, command: str, extra: str) -> None:
    (work / "POSCAR").write_text(POSCAR)
    (work / "scan.mrc").write_bytes(bytes(2000))
    _, errors = core(python, work, *command.split(), status=1)
    (line,) = errors.splitlines()
    assert re.search(rf"(\w+) is not installed; run: pip install 'jarvis-stem\[{extra}\]'$", line)


POSCAR = """C
1.0
2.46 0.0 0.0
-1.23 2.13042 0.0
0.0 0.0 20.0
C
2
direct
0.0 0.0 0.5
0.333333 0.666667 0.5
"""


def test_every_package_of_an_extra_is_in_setup_py(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    required = [
        re.match(r"([\w-]+).*?(?:extra == .(\w+).)?$", one)
        for one in metadata.get_all("Requires-Dist", [])
    ]
    listed = {(match[2] or "", match[1].lower()) for match in required if match}
    distributions = packages_distributions()
    for extra, packages in EXTRAS.items():
        for package in packages:
            names = {name.lower() for name in distributions[package]}
            assert any((extra, name) in listed for name in names), package
    core_names = {name for extra, name in listed if not extra}
    heavy = {"torch", "torchvision", "jarvis-tools", "scikit-learn", "pandas", "matplotlib"}
    assert not core_names & heavy


def test_no_module_of_prediction_is_of_an_extra() -> None:
    """What is imported when a module is, and not when a function asks for it."""
    beyond = set(BEYOND) - {"gemmi", "moyopy", "dask", "h5py", "mrcfile", "matplotlib"}
    beyond -= {"distributed", "pyarrow"}  # of modules that --output imports
    for path in (REPOSITORY / "jarvis_stem" / "prediction").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {module.partition(".")[0] for module in modules} & beyond, path
