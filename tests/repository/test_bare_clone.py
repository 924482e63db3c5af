"""A clone where nothing is installed: scripts set up once, commands say what to run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from helpers import PATIENCE, REPOSITORY, TINY_MODEL

from jarvis_stem.__main__ import COMMANDS

WAY_OUT = (
    " is not installed; run: source setup.sh && install, and use .venv/bin/python, or pip install "
)
# What setup.sh has pip do, in this order.
CONSTRAINED = "install --quiet --no-warn-conflicts --constraint constraints.txt "
BUILD = "install --quiet --no-index --no-deps --no-build-isolation --editable ."
STEPS = [
    f"{CONSTRAINED}setuptools pybind11",
    BUILD,
    f"{CONSTRAINED}torch",
    f"{CONSTRAINED}--no-deps torchvision",
    f"{CONSTRAINED}jarvis-stem[all]",
]
MODULES = ["jarvis_stem", *(f"jarvis_stem.{name}" for name in (*COMMANDS, "prototypes"))]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What of a clone these tests run, without .venv."""
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("jarvis_stem", "contributions/densenet_model"):
        shutil.copytree(REPOSITORY / folder, clone / folder, ignore=ignored)
    for file in ("setup.sh", "setup.py", "constraints.txt"):
        shutil.copy(REPOSITORY / file, clone / file)
    return clone


def packages() -> list[Path]:
    """Folders that this environment's packages are in."""
    return [Path(path) for path in sys.path if Path(path).name == "site-packages"]


def environment(tmp_path: Path, without: str = "") -> Path:
    """Make an environment and return its Python.

    Args:
        tmp_path: Folder to make it in.
        without: A package that it lacks; it has all others of this environment. With an empty name
            it has none at all.
    """
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    if without:
        (added,) = folder.glob("[Ll]ib/**/site-packages")
        for path in reversed(packages()):
            for package in path.iterdir():
                if package.name != without and package.suffix != ".pth":
                    (added / package.name).unlink(missing_ok=True)
                    (added / package.name).symlink_to(package)
    return folder / "bin" / "python"


def started(python: Path, module: str, clone: Path, *arguments: str) -> tuple[int, str, str]:
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-m", module, *arguments],
        cwd=clone,
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_every_command_says_what_to_run_where_nothing_is_installed(
    clone: Path, tmp_path: Path
) -> None:
    python = environment(tmp_path)
    for module in MODULES:
        assert started(python, module, clone) == (1, "", f"error: click{WAY_OUT}jarvis-stem\n"), (
            module
        )


def test_a_package_that_is_missing_is_named(clone: Path, tmp_path: Path) -> None:
    python = environment(tmp_path, without="email_validator")
    expected = (1, "", f"error: email_validator{WAY_OUT}jarvis-stem\n")
    assert started(python, "jarvis_stem.score", clone) == expected
    assert started(python, "jarvis_stem", clone, "score") == expected


def test_one_that_is_missed_while_the_command_runs_is_named(clone: Path, tmp_path: Path) -> None:
    python = environment(tmp_path, without="torch")
    status, out, errors = started(python, "jarvis_stem.train", clone, "densenet_model")
    assert (status, out, errors) == (1, "", f"error: torch{WAY_OUT}'jarvis-stem[train]'\n")


def test_kernels_that_were_not_compiled_are_named(clone: Path, tmp_path: Path) -> None:
    python = environment(tmp_path, without="no package of this name")
    for module in (clone / "jarvis_stem" / "imaging").glob("_kernels.*.so"):
        module.unlink()
    expected = (1, "", f"error: jarvis_stem.imaging._kernels{WAY_OUT}jarvis-stem\n")
    assert started(python, "jarvis_stem.predict", clone, "picture.png") == expected


def test_a_fault_of_the_package_itself_is_not_hidden(clone: Path, tmp_path: Path) -> None:
    python = environment(tmp_path, without="no package of this name")
    (clone / "jarvis_stem" / "utils" / "errors.py").unlink()
    status, _, errors = started(python, "jarvis_stem.score", clone)
    assert status == 1
    assert errors.startswith("Traceback")
    assert "ModuleNotFoundError: No module named 'jarvis_stem.utils.errors'" in errors


def test_importing_the_package_leaves_the_callers_hook_alone() -> None:
    program = "import sys, jarvis_stem; assert sys.excepthook is sys.__excepthook__"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A python3 whose environments need no index.

    They are real ones and see this environment's packages. In the place of pip there is a module
    that notes what it is called with: there is no index here to install from.
    """
    pip = tmp_path / "pip"
    pip.mkdir()
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text(
        f"import sys\nopen({str(tmp_path / 'installed')!r}, 'a').write("
        "' '.join(sys.argv[1:]) + '\\n')\n"
    )
    paths = "\n".join(map(str, [tmp_path, *packages()]))
    real = shlex.quote(sys.executable)
    script = tmp_path / "python3"
    script.write_text(f"""#!/usr/bin/env bash
set -e
if [ "$1 $2" = "-m venv" ]; then
  {real} -m venv --without-pip "$3"
  for folder in "$3"/lib/*/site-packages; do echo {shlex.quote(paths)} > "$folder/tests.pth"; done
else
  exec {real} "$@"
fi
""")
    script.chmod(0o755)
    return script


@pytest.mark.training
def test_a_contributions_script_sets_up_once_and_trains(
    clone: Path, tmp_path: Path, tiny_benchmarks: Path, stand_in: Path
) -> None:
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def script(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(clone / "contributions" / "densenet_model" / "run.sh"), *arguments],
            cwd=tmp_path,
            env={**variables, "PYTHON": str(stand_in)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    # The script is this test's subject; the committed model has tests of its training.
    (clone / "contributions" / "densenet_model" / "model.py").write_text(TINY_MODEL)
    where = ["--benchmark", "stem_2d_proto", "--benchmarks", str(tiny_benchmarks)]
    done = script(*where, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("Installing into .venv (once)\n")
    assert "wrote    contributions/densenet_model/AI-" in done.stdout
    assert list((clone / "contributions" / "densenet_model").glob("*.csv.zip"))
    installed = (tmp_path / "installed").read_text().splitlines()
    assert installed == STEPS

    again = script("--epochs", "0")
    assert (again.returncode, again.stdout) == (2, "")
    assert "0 is not in the range x>=1" in again.stderr
    assert "Installing" not in again.stderr
    assert (tmp_path / "installed").read_text().splitlines() == installed


def test_a_setup_that_fails_ends_the_script(clone: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["bash", str(clone / "contributions" / "densenet_model" / "run.sh")],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "error: Python 3.11 or newer is needed" in done.stderr
    assert not (clone / ".venv").exists()


def in_shell(
    program: str, clone: Path, stand_in: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run shell commands in a clone, with this Python for that of the system."""
    return subprocess.run(
        ["bash", "-c", program],
        cwd=clone,
        env={**os.environ, "PYTHON": str(stand_in), **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    ("lock", "failing"),
    [
        ("", "setuptools"),
        ("", "--editable ."),
        ("", "torch"),
        ("", "--no-deps torchvision"),
        ("", "jarvis-stem[all]"),
        ("setup.py", "--require-hashes"),
        ("setup.py", "--no-index"),
    ],
)
def test_a_failed_step_fails_the_install_and_the_next_one_goes_on(
    clone: Path, tmp_path: Path, stand_in: Path, lock: str, failing: str
) -> None:
    pip = tmp_path / "pip" / "__main__.py"
    works = pip.read_text()
    pip.write_text(f"import sys\nsys.exit({failing!r} in ' '.join(sys.argv))\n")

    def install() -> str:
        program = "source ./setup.sh && install && echo installed"
        return in_shell(program, clone, stand_in, INSTALL_LOCK=lock).stdout

    assert install() == ""
    assert not (clone / ".venv" / "installed").exists()
    pip.write_text(works)
    assert install() == "installed\n"


def test_a_lock_has_all_installed_by_its_hash(clone: Path, tmp_path: Path, stand_in: Path) -> None:
    (clone / "all.lock").write_text("numpy==2.4.6 --hash=sha256:00\n")
    locked = "export INSTALL_LOCK=all.lock; install && install"
    program = f"source ./setup.sh && install && {locked} && unset INSTALL_LOCK && install"
    done = in_shell(program, clone, stand_in)
    assert done.returncode == 0, done.stderr
    # What was installed without a lock does not serve where one is asked for; the reverse does.
    assert done.stderr == "Installing into .venv (once)\n" * 2
    assert (tmp_path / "installed").read_text().splitlines() == [
        *STEPS,
        "install --quiet --require-hashes --requirement all.lock",
        BUILD,
    ]


def test_kernels_alone_are_compiled_where_nothing_else_changed(
    clone: Path, tmp_path: Path, stand_in: Path
) -> None:
    program = "source ./setup.sh && install && echo // >> $kernel && install && install"
    kernel = "jarvis_stem/imaging/kernels/peaks.cpp"
    done = in_shell(program, clone, stand_in, kernel=kernel)
    once = "Installing into .venv (once)\nCompiling the kernels\n"
    assert (done.returncode, done.stderr) == (0, once)
    assert (tmp_path / "installed").read_text().splitlines() == [*STEPS, BUILD]


def test_a_module_that_is_gone_or_another_one_is_compiled_anew(
    clone: Path, tmp_path: Path, stand_in: Path
) -> None:
    (module,) = (clone / "jarvis_stem" / "imaging").glob("_kernels.*.so")
    kept = module.read_bytes()
    pip = tmp_path / "pip" / "__main__.py"
    pip.write_text(f"{pip.read_text()}open({str(module)!r}, 'wb').write({kept[:10]!r})\n")
    program = "source ./setup.sh && install && rm $module && install && echo >> $module && install"
    done = in_shell(program, clone, stand_in, module=str(module))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Compiling the kernels\n") == 2
    assert module.read_bytes() == kept[:10]


PYTHON_S = (sysconfig.get_config_var("CXX") or "c++").partition(" ")[0]
ANOTHER = "clang++" if PYTHON_S != "clang++" else "g++"


@pytest.mark.parametrize(
    ("here", "variables", "wanted"),
    [
        (PYTHON_S, {}, ""),
        (ANOTHER, {}, ANOTHER),
        (ANOTHER, {"CXX": "a compiler"}, "a compiler"),
        ("", {}, ".venv/bin/python -m ziglang c++ -mcpu=baseline"),
        ("", {"INSTALL_LOCK": "setup.py"}, ""),
    ],
)
def test_a_compiler_is_found_or_fetched(
    clone: Path,
    tmp_path: Path,
    stand_in: Path,
    monkeypatch: pytest.MonkeyPatch,
    here: str,
    variables: dict[str, str],
    wanted: str,
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "cat", "cksum", "mkdir"):
        (programs / name).symlink_to(shutil.which(name) or name)
    if here:
        (programs / here).symlink_to(sys.executable)  # it is not run
    pip = tmp_path / "pip" / "__main__.py"
    named = tmp_path / "named"
    pip.write_text(
        f"import os\nopen({str(named)!r}, 'w').write(os.environ.get('CXX', ''))\n{pip.read_text()}"
    )
    monkeypatch.delenv("CXX", raising=False)
    program = "source ./setup.sh; install; echo [${CXX:-}]"
    done = in_shell(program, clone, stand_in, PATH=str(programs), **variables)
    assert done.stdout == f"[{variables.get('CXX', '')}]\n", done.stderr  # the caller's is its own
    assert named.read_text() == wanted
    fetched = f"{CONSTRAINED}ziglang" in (tmp_path / "installed").read_text().splitlines()
    assert fetched == ("ziglang" in wanted)


@pytest.mark.parametrize("missing", ["setup.py", "constraints.txt", "no.lock"])
def test_an_install_without_what_it_is_of_fails(
    clone: Path, tmp_path: Path, stand_in: Path, missing: str
) -> None:
    lock = missing if missing == "no.lock" else ""
    program = (
        f"source ./setup.sh && install && rm -f {missing} && export INSTALL_LOCK={lock} && "
        "install && echo installed"
    )
    done = in_shell(program, clone, stand_in)
    assert (done.returncode, done.stdout) == (1, "")
    assert missing in done.stderr


@pytest.mark.parametrize("year", [1990, 2090])
def test_a_wrong_clock_does_not_install_again(
    clone: Path, tmp_path: Path, stand_in: Path, year: int
) -> None:
    program = "source ./setup.sh && install && install"
    time = (year - 1970) * 31_556_952
    for name in ("setup.py", "constraints.txt"):
        os.utime(clone / name, (time, time))
    done = in_shell(program, clone, stand_in)
    assert (done.returncode, done.stderr) == (0, "Installing into .venv (once)\n")
    assert (tmp_path / "installed").read_text().splitlines() == STEPS


def test_two_installs_at_once_wait_for_each_other(
    clone: Path, tmp_path: Path, stand_in: Path
) -> None:
    pip = tmp_path / "pip" / "__main__.py"
    pip.write_text(f"import time\ntime.sleep(0.3)\n{pip.read_text()}")
    installs = [
        subprocess.Popen(
            ["bash", "-c", "source ./setup.sh && install && echo installed"],
            cwd=clone,
            env={**os.environ, "PYTHON": str(stand_in)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    assert [one.communicate(timeout=PATIENCE)[0] for one in installs] == ["installed\n"] * 3
    assert (tmp_path / "installed").read_text().splitlines() == STEPS


def test_what_was_installed_with_extras_serves_a_script(clone: Path) -> None:
    program = (
        'source ./setup.sh; mkdir -p .venv/bin; printf "#!/bin/sh\\n" > .venv/bin/python; '
        'chmod +x .venv/bin/python; install "[test,dev]"; install'
    )
    done = subprocess.run(
        ["bash", "-euc", program], cwd=clone, capture_output=True, text=True, check=True
    )
    assert done.stderr == "Installing into .venv (once)\n"


def test_every_contribution_has_the_same_script() -> None:
    scripts = {
        path.parent.name: path.read_text() for path in REPOSITORY.glob("contributions/*/run.sh")
    }
    assert len(scripts) > 1
    assert len({text.replace(name, "NAME") for name, text in scripts.items()}) == 1
    assert all(
        os.access(REPOSITORY / "contributions" / name / "run.sh", os.X_OK) for name in scripts
    )
