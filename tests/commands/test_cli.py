"""What all commands share: help, completion, suggestions, colours, --json, --quiet, their ends."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from helpers import (
    ALL_RIGHT,
    HEADER,
    PATIENCE,
    REPOSITORY,
    SMALL,
    add_benchmark,
    add_complete,
    add_contribution,
    python,
    start,
)

import jarvis_stem as package
from jarvis_stem import __main__, check, cli, score
from jarvis_stem.formats.folder import name_faults
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError

JARVIS_STEM = Path(sys.executable).with_name("jarvis-stem")
HEAVY = (
    *("torch", "torchvision", "jarvis", "scipy", "sklearn", "pandas", "matplotlib", "plotly"),
    *("rsciio", "h5py", "requests", "jinja2", "PIL"),
)
MAINTAINERS = ("prototypes", "reference")


def jarvis_stem(*arguments: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return start([JARVIS_STEM, *arguments], cwd)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the test is in: a benchmark and a contribution to it."""
    add_benchmark(tmp_path / "benchmarks")
    add_complete(tmp_path / "contributions", "mine", ALL_RIGHT)
    (tmp_path / "metadata.json").write_text(
        json.dumps({"repository_url": "https://example.org/a/b", "benchmarks": []})
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_is_listed() -> None:
    done = jarvis_stem("--help")
    assert (done.returncode, done.stderr) == (0, "")
    commands = done.stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in commands] == list(__main__.COMMANDS)
    assert all(len(line.split()) > 3 for line in commands)


def helps(run: str, names: Sequence[str]) -> dict[str, tuple[int, str, list[str]]]:
    """Ask commands for help, one after the other in a fresh process.

    Args:
        run: Statements that run the command ``name``, on `sys.argv`, and set its ``status``.
        names: Of the commands.

    Returns:
        Status, help, and the heavy modules that are imported by then, by name.
    """
    program = f"""
import contextlib, io, json, runpy, sys
from jarvis_stem.__main__ import entry

shown = {{}}
for name in {list(names)!r}:
    sys.argv = ["jarvis-stem", *name.split(), "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        {run}
    shown[name] = status, out.getvalue(), sorted({set(HEAVY)!r} & set(sys.modules))
print(json.dumps(shown))
"""
    done = python("-c", program)
    assert (done.returncode, done.stderr) == (0, "")
    shown: dict[str, tuple[int, str, list[str]]] = json.loads(done.stdout)
    return shown


def test_help_is_complete_and_imports_nothing_heavy() -> None:
    names = ["", *__main__.COMMANDS, "data clear", "data fetch"]
    for name, (status, text, imported) in helps("status = entry()", names).items():
        assert (status, imported) == (0, []), name
        assert text.startswith(f"Usage: jarvis-stem {name}".rstrip())
        assert "\nexit status" in text, name
        assert "\nexamples:\n  jarvis-stem " in text, name
        assert all(f"\n  {status}  " in text for status in (0, 1, 2, 130)), name


def test_every_command_is_a_module_too() -> None:
    run = """
        try:
            sys.argv[1:-1] = []
            runpy.run_module(f"jarvis_stem.{name}", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            status = end.code
    """
    names = [*__main__.COMMANDS, *MAINTAINERS]
    for name, (status, text, _) in helps(run, names).items():
        assert status == 0, name
        assert text.startswith(f"Usage: python -m jarvis_stem.{name} ")
        assert "\nexit status" in text, name


def test_the_package_shows_its_interface() -> None:
    assert dir(package) == ["__version__", "list_models", "load_model", "predict"]


def test_the_version_is_the_packages() -> None:
    done = jarvis_stem("--version")
    assert (done.returncode, done.stdout) == (0, f"jarvis-stem {package.__version__}\n")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("trian", "No such command 'trian'. Did you mean 'train'?"),
        ("xyz", "No such command 'xyz'."),
        ("--versoin", "No such option '--versoin'. Did you mean '--version'?"),
        ("check --shema", "No such option '--shema'. (Did you mean one of: '--help', '--schema'?)"),
        ("score --ouput x", "No such option '--ouput'. Did you mean '--output'?"),
        ("data verfy", "No such command 'verfy'. Did you mean 'verify'?"),
        ("data fetch --quite", "No such option '--quite'. Did you mean '--quiet'?"),
        ("train", "Missing argument 'MODEL'."),
        ("train a b", "Got unexpected extra argument (b)"),
        ("train a --epochs 0", "Invalid value for '--epochs': 0 is not in the range x>=1."),
        ("train a --seed=-1", "Invalid value for '--seed': -1 is not in the range"),
        ("train a --images x --structures y", "'--images' and '--structures' exclude each other."),
        ("check", "Missing argument 'FOLDER', or --schema in its place."),
        ("check a --schema", "'FOLDER' and '--schema' exclude each other."),
        ("submit a --update --base b", "'--base' and '--update' exclude each other."),
        (
            "export --jarvis x --prefix a/b",
            "Invalid value for '--prefix': expected letters, digits",
        ),
    ],
)
def test_wrong_arguments_are_refused_with_a_suggestion(
    typed: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(lambda: __main__.main(typed.split())) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: ")
    assert f"Error: {message}" in err


def test_a_function_that_calls_a_command_gets_its_status(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--help"]) == check.main(["-h"]) == 0
    assert check.main(["contributions/mine"]) == 0
    (root / "contributions/mine/run.sh").unlink()
    assert check.main(["contributions/mine"]) == 1
    with pytest.raises(StemError, match="no such contribution"):
        check.main(["contributions/nobody"])
    with pytest.raises(click.UsageError):
        check.main([])
    capsys.readouterr()


# Completion.


def completed(words: str, cwd: Path) -> list[str]:
    """What bash offers for the last of the words, which may be empty."""
    script = """
        PATH="$(dirname "$1"):$PATH"; shift
        eval "$(_JARVIS_STEM_COMPLETE=bash_source jarvis-stem)"
        complete -p jarvis-stem >&2
        compopt() { COMPREPLY+=("<$*>"); }  # bash has it during a real completion only
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _jarvis_stem_completion jarvis-stem "${@: -1}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    shell = ["bash", "-euo", "pipefail", "-c", script, "-"]
    done = start([*shell, JARVIS_STEM, *words.split(" ")], cwd)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "complete -o nosort -F _jarvis_stem_completion jarvis-stem\n"
    return done.stdout.split()


@pytest.fixture
def several(root: Path) -> Path:
    """The folder with more contributions, one of them of a name that is never offered."""
    (root / "contributions/mine/model.py").touch()
    add_contribution(root / "contributions", "other", HEADER)  # and no model.py
    add_contribution(root / "contributions", "a\x1b[2Jb", HEADER)
    add_contribution(root / "elsewhere", "far", HEADER)
    return root


def test_bash_completes(several: Path) -> None:
    assert completed("jarvis-stem submit ", several) == ["mine", "other"]
    assert completed("jarvis-stem check else", several) == ["<-o", "dirnames>"]


def offered(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What the script in bash gets for the last of the words; for folders "dir", bash has them."""
    monkeypatch.setenv("_JARVIS_STEM_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert __main__.entry() == 0
    kinds = [line.split(",") for line in capsys.readouterr().out.splitlines() if line]
    return [value if kind == "plain" else kind for kind, value in kinds]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("jarvis-stem s", ["series", "score", "submit", "site"]),
        ("jarvis-stem data ", ["show", "fetch", "verify", "clear"]),
        ("jarvis-stem score --q", ["--quiet"]),
        ("jarvis-stem train m", ["mine"]),
        ("jarvis-stem train mi --contributions elsewhere ", []),
        ("jarvis-stem submit ", ["mine", "other"]),
        ("jarvis-stem submit --contributions elsewhere ", ["far"]),
        ("jarvis-stem export mine o", ["other"]),
        ("jarvis-stem check contributions/m", ["contributions/mine"]),
        ("jarvis-stem check contri", ["contributions/mine", "contributions/other"]),
        ("jarvis-stem check else", ["dir"]),
        ("jarvis-stem train mine --benchmark ", ["small"]),
        ("jarvis-stem train mine --runs ", ["dir"]),
        ("jarvis-stem audit --data ", ["dir"]),
        ("jarvis-stem new m", []),
    ],
)
def test_what_is_offered(
    words: str,
    expected: list[str],
    several: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert offered(words, monkeypatch, capsys) == expected


def test_where_there_is_nothing_to_offer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered("jarvis-stem train ", monkeypatch, capsys) == []
    assert offered("jarvis-stem audit --benchmark ", monkeypatch, capsys) == []
    assert offered("jarvis-stem check ", monkeypatch, capsys) == ["dir"]


@pytest.mark.parametrize(
    ("shell", "mark"), [("zsh", "#compdef jarvis-stem"), ("fish", "complete ")]
)
def test_other_shells_get_a_script(
    shell: str,
    mark: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_JARVIS_STEM_COMPLETE", f"{shell}_source")
    assert __main__.entry() == 0
    out, err = capsys.readouterr()
    assert mark in out
    assert err == ""


# Colours.


def on_terminal(
    *arguments: str, cwd: Path, command: Path = JARVIS_STEM, **environment: str
) -> tuple[int, str]:
    """Run a command on a terminal: its status and all that it shows."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [command, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while block := os.read(master, 2**16):
                shown += block
        except OSError:  # how Linux ends a terminal
            pass
        os.close(master)
        status = process.wait(PATIENCE)
    return status, shown.decode().replace("\r\n", "\n")


def test_colours_are_for_terminals(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    (root / "contributions/mine/run.sh").unlink()
    arguments = ("check", "contributions/mine")
    status, shown = on_terminal(*arguments, cwd=root)
    assert status == 1
    assert "\x1b[32mpass\x1b[0m  " in shown
    assert "\x1b[31mfail\x1b[0m  " in shown
    plain = on_terminal(*arguments, cwd=root, NO_COLOR="1")
    piped = jarvis_stem(*arguments, cwd=root)
    assert plain == (piped.returncode, piped.stdout)
    assert "\x1b" not in piped.stdout

    _, shown = on_terminal("check", "nowhere", cwd=root)
    assert shown.startswith("\x1b[31merror:\x1b[0m nowhere: ")
    _, shown = on_terminal("check", "nowhere", cwd=root, NO_COLOR="1")
    assert shown.startswith("error: nowhere: ")


# --json and --quiet.


@cli.json_option
@cli.quiet_option
def _talk() -> int:
    from jarvis_stem.utils.progress import bar, track

    list(track(range(3), "Counting"))
    with bar() as counting:
        counting.console.print("epoch")
    cli.say("said")
    terminal.note("noted")
    cli.report("reported", {"data": 1})
    cli.complain("complained")
    return 0


talk = click.command(cls=cli.Command)(_talk)


@pytest.mark.parametrize(
    ("arguments", "out", "err"),
    [
        ([], "said\nreported\n", "epoch\nnoted\nerror: complained\n"),
        (["--json"], '{\n  "data": 1\n}\n', "epoch\nnoted\nerror: complained\n"),
        (["--quiet"], "", "error: complained\n"),
        (["-q", "--json"], '{\n  "data": 1\n}\n', "error: complained\n"),
    ],
)
def test_what_json_and_quiet_leave(
    arguments: list[str], out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert talk(arguments) == 0
    assert tuple(capsys.readouterr()) == (out, err)
    assert not terminal.is_quiet()  # the next command in this process is not


def test_who_forces_colours_as_notebooks_do_gets_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert talk([]) == 0
    assert "Counting" not in capsys.readouterr().err


@pytest.mark.parametrize(("option", "seen"), [("", True), ("--quiet", False)])
def test_a_terminal_sees_progress_unless_quiet(option: str, seen: bool, tmp_path: Path) -> None:
    code = (
        f"#!{sys.executable}\n"
        f"import sys; sys.path[:0] = {[str(Path(__file__).parents[n]) for n in (0, 1)]!r}\n"
        "from test_cli import cli, talk\n"
        "sys.exit(cli.run(talk))\n"
    )
    script = tmp_path / "talk"
    script.write_text(code)
    script.chmod(0o755)
    _, shown = on_terminal(*([option] if option else []), cwd=tmp_path, command=script)
    assert ("Counting" in shown) == seen
    assert ("noted" in shown) == seen
    assert "complained" in shown


def test_a_quiet_score_writes_and_says_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score.main(["--quiet"]) == 0
    assert tuple(capsys.readouterr()) == ("", "")
    written = (root / "docs/leaderboard.json").read_text()
    assert score.main(["--quiet", "--json"]) == 0
    assert capsys.readouterr().out == written
    add_contribution(root / "contributions", "bad", HEADER)
    assert score.main(["--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"rejected: bad/{SMALL.predictions_name}: ")


def test_a_quiet_check_names_what_failed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["contributions/mine", "--quiet"]) == 0
    assert tuple(capsys.readouterr()) == ("", "")
    (root / "contributions/mine/run.sh").unlink()
    assert check.main(["contributions/mine", "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("run.sh: expected a file run.sh")
    assert err.count("\n") == 1


# Ends.


def test_a_reader_that_has_gone_is_no_error(root: Path) -> None:
    pipe = f"{JARVIS_STEM} score | true; echo ${{PIPESTATUS[0]}}"
    done = start(["bash", "-c", pipe], root)
    assert (done.stdout, done.stderr) == ("141\n", "")


WRITES = "from os import getcwd, open, O_CREAT; open(f'{getcwd()}/ran-' + __name__, O_CREAT)\n"


@pytest.mark.parametrize("module", ["jarvis_stem", "jarvis_stem.check"])
def test_of_the_folder_that_it_runs_in_nothing_is_imported(module: str, root: Path) -> None:
    folder = root / "contributions" / "mine"
    others = {
        "sitecustomize",
        "usercustomize",
        "click",
        "numpy",
        "onnx",
        "pydantic",
        "pydantic_core",
        "rich",
        "scipy",
        "torch",
    }
    first = {name for name in sys.stdlib_module_names if name_faults(f"{name}.py")}
    for name in {*sys.stdlib_module_names, *others} - first:
        (folder / f"{name}.py").write_text(WRITES, encoding="utf-8")
    check_it = ("check", ".") if module == "jarvis_stem" else (".",)
    places = ("--benchmarks", root / "benchmarks", "--json")
    site = sysconfig.get_path("purelib")
    runs = [
        start([sys.executable, "-m", module, *check_it, *places], folder),
        # As in an environment whose start has imported nothing yet.
        start(
            [sys.executable, "-S", "-m", module, *check_it, *places],
            folder,
            PYTHONPATH=os.pathsep.join([str(REPOSITORY), site]),
        ),
        start([JARVIS_STEM, "check", ".", *places], folder),
    ]
    for done in runs:
        assert done.stdout, (done.args, done.stderr)
        assert json.loads(done.stdout)["contribution"] == "mine"
    assert list(folder.glob("ran-*")) == []
    done = start([sys.executable, "-c", "import click"], folder)
    assert list(folder.glob("ran-*")) != []  # so it would be seen


def test_a_safe_path_takes_not_even_the_package_from_the_folder(root: Path) -> None:
    folder = root / "contributions" / "mine"
    (folder / "jarvis_stem").mkdir()
    for name in ("__init__", "check", "cli"):
        (folder / "jarvis_stem" / f"{name}.py").write_text(WRITES, encoding="utf-8")
    for name in {*sys.stdlib_module_names, "numpy", "click", "sitecustomize", "usercustomize"}:
        (folder / f"{name}.py").write_text(WRITES, encoding="utf-8")
    places = (".", "--benchmarks", root / "benchmarks", "--json")
    for command in (
        [sys.executable, "-P", "-m", "jarvis_stem.check"],
        [sys.executable, "-P", "-m", "jarvis_stem", "check"],
        [JARVIS_STEM, "check"],
    ):
        done = start([*command, *places], folder)
        assert json.loads(done.stdout)["contribution"] == "mine", (command, done.stderr)
        refused = [line for line in json.loads(done.stdout)["lines"] if "python -m" in str(line)]
        assert refused, command  # and it is said what would happen without -P
    assert list(folder.glob("ran-*")) == []
    start([sys.executable, "-m", "jarvis_stem.check", *places], folder)
    assert list(folder.glob("ran-jarvis_stem*")) != []  # which Python itself does


def test_what_python_looks_for_before_the_package_is_refused() -> None:
    listing = (
        "import sys; before = {*sys.modules}; import runpy; "
        "print(*(n for n in sys.modules if n not in before and sys.modules[n].__spec__ and "
        "sys.modules[n].__spec__.origin not in ('frozen', 'built-in')))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", listing], capture_output=True, text=True, check=True
    )
    names = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"importlib", "types"} <= names
    for name in names:
        assert name_faults(f"{name}.py"), name
        assert name_faults(name), name
    assert name_faults("types.md") == name_faults("warnings.txt") == []


def test_a_clone_runs_itself_and_not_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "jarvis_stem").mkdir()
    (tmp_path / "jarvis_stem" / "__init__.py").write_text(
        (REPOSITORY / "jarvis_stem" / "__init__.py").read_text(encoding="utf-8")
    )
    (tmp_path / "jarvis_stem" / "check.py").write_text("import beside\n")
    (tmp_path / "beside.py").write_text("print('of the clone')\n")
    done = start([sys.executable, "-m", "jarvis_stem.check"], tmp_path)
    assert (done.returncode, done.stdout) == (0, "of the clone\n")
