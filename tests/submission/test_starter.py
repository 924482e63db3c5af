"""The command that starts a contribution, as a user runs it: real processes, real git, a run."""

from __future__ import annotations

import datetime
import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPOSITORY

from jarvis_stem import cli, new
from jarvis_stem.formats.metadata import blank, read_metadata
from jarvis_stem.submission import github, starter
from jarvis_stem.utils.errors import StemError

RESULT = "AI-ImageClass-bravais_class-stem_2d_proto-test-acc"
FILES = ["README.md", "metadata.json", "model.py", "run.sh"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whom git knows nothing about."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


@pytest.fixture
def clone(home: Path, tmp_path: Path) -> Path:
    """A git repository with a folder of contributions, nothing else."""
    clone = tmp_path / "clone"
    (clone / "contributions").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet"], cwd=clone, check=True)
    return clone


def configure(clone: Path, **values: str) -> None:
    for key, value in values.items():
        subprocess.run(["git", "config", key.replace("_", "."), value], cwd=clone, check=True)


def run(cwd: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "jarvis_stem.new", *arguments]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def run_here(name: str, clone: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The same in this process, for what needs many names and remotes."""
    monkeypatch.chdir(clone)
    return cli.run(lambda: new.main([name]))


def metadata_of(clone: Path, name: str = "my_model") -> dict[str, object]:
    folder = clone / "contributions" / name
    assert read_metadata(folder)[1] == []
    data: dict[str, object] = json.loads((folder / "metadata.json").read_text())
    return data


def test_new_contribution_trains_and_is_scored(
    clone: Path, tiny_benchmarks: Path, tmp_path: Path
) -> None:
    assert run(clone, "my_model").returncode == 0
    contributions = clone / "contributions"
    script = [str(contributions / "my_model" / "run.sh"), "--benchmark", "stem_2d_proto"]
    script += ["--benchmarks", str(tiny_benchmarks), "--contributions", str(contributions)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*script, "--runs", str(tmp_path / "runs"), "--epochs", "1"],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = contributions / "my_model"
    assert sorted(p.name for p in folder.iterdir()) == [
        *(f"{RESULT}.{suffix}" for suffix in ("csv.zip", "run.json", "safetensors")),
        *FILES,
    ]

    score = [sys.executable, "-m", "jarvis_stem.score", "--json", "--contributions"]
    score += [str(contributions), "--benchmarks", str(tiny_benchmarks)]
    score += ["--output", str(tmp_path / "docs"), "--site", str(tmp_path / "site")]
    done = subprocess.run(score, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["benchmarks"][0]["results"]
    record = json.loads((folder / f"{RESULT}.run.json").read_text())
    assert result["score"] == round(record["result"]["accuracy"], 4)


def test_files_are_ready_to_use(clone: Path) -> None:
    done = run(clone, "my_model")
    assert done.returncode == 0, done.stderr
    folder = clone / "contributions" / "my_model"
    assert sorted(p.name for p in folder.iterdir()) == FILES
    assert [p.name for p in folder.parent.iterdir()] == ["my_model"]
    assert all("{" + "{" not in p.read_text() for p in folder.iterdir())
    modes = {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()}
    assert modes == {"README.md": 0o644, "metadata.json": 0o644, "model.py": 0o644, "run.sh": 0o755}
    assert folder.stat().st_mode & 0o777 == 0o755
    steps = [line.strip() for line in done.stdout.partition("next:\n")[2].splitlines()]
    page = (folder / "README.md").read_text()
    assert len(steps) == 3
    assert all(step in page.splitlines() for step in steps)


def test_script_is_worded_as_the_present_ones(clone: Path) -> None:
    written = starter.create("resnet_model", clone / "contributions") / "run.sh"
    committed = REPOSITORY / "contributions/resnet_model/run.sh"
    assert written.read_bytes() == committed.read_bytes()


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]])
def test_model_is_formatted_and_free_of_lint(check: list[str], clone: Path) -> None:
    pytest.importorskip("ruff")
    model = starter.create("a", clone / "contributions") / "model.py"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *check, "--stdin-filename", "contributions/a/model.py", "-"],
        input=model.read_text(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_pretrained_weights_are_refused(clone: Path) -> None:
    from jarvis_stem.training.architecture import load

    architecture = load(starter.create("my_model", clone / "contributions"))
    with pytest.raises(StemError, match=r"--pretrained: my_model has no such weights; train"):
        architecture.build(5, True)


def test_metadata_says_what_git_knows(clone: Path) -> None:
    configure(clone, user_name="Jörg Müller", user_email="joerg@example.org")
    configure(clone, remote_origin_url="git@github.com:joerg/fork.git")
    before = datetime.date.today()
    done = run(clone, "my_model")
    assert done.returncode == 0, done.stderr
    assert "fill in" not in done.stdout
    metadata = metadata_of(clone)
    assert list(metadata) == list(blank())
    address = "https://github.com/joerg/fork"
    assert metadata["model_name"] == "my_model"
    assert metadata["author_email"] == "joerg@example.org"
    assert metadata["team_name"] == "Jörg Müller"
    assert metadata["project_url"] == address
    assert metadata["git_url"] == [address]
    assert metadata["date_submitted"] in {
        f"{day:%m-%d-%Y}" for day in (before, datetime.date.today())
    }


def test_what_nobody_knows_is_left_empty_and_named(clone: Path) -> None:
    done = run(clone, "my_model")
    assert done.returncode == 0, done.stderr
    assert re.search(r"fill in .*metadata\.json: author_email, project_url, team_name", done.stdout)
    metadata = metadata_of(clone)
    for key in ("author_email", "team_name", "project_url"):
        assert metadata[key] == ""
    assert metadata["git_url"] == []


def test_it_works_outside_git_and_without_git(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "contributions").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run(tmp_path, "outside").returncode == 0
    monkeypatch.setenv("PATH", str(home))
    assert run(tmp_path, "without").returncode == 0
    for name in ("outside", "without"):
        assert metadata_of(tmp_path, name)["git_url"] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("user_email", "me@localhost"), ("user_email", "nobody"), ("user_name", "a\x1b[31mb")],
)
def test_what_the_scorer_would_refuse_is_left_empty(key: str, value: str, clone: Path) -> None:
    configure(clone, **{key: value})
    starter.create("my_model", clone / "contributions")
    metadata = metadata_of(clone)
    assert metadata["author_email"] == metadata["team_name"] == ""


@pytest.mark.parametrize(
    "remote",
    [
        "https://user:s3cret@github.com/me/fork.git",
        "https://s3cret@github.com/me/fork",
        "https://user:s3cret@x@github.com/me/fork.git",
        "https://user:s3cret/x@github.com/me/fork.git",
        "https://github.com/me/fork.git?token=s3cret",
        "https://github.com/me/fork#s3cret",
        "ssh://s3cret@github.com:22/me/fork.git",
        "s3cret@github.com:me/fork.git",
        "user:s3cret@github.com:me/fork.git",
    ],
)
def test_credential_in_the_remote_is_never_written(
    remote: str,
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(clone, remote_origin_url=remote)
    assert run_here("my_model", clone, monkeypatch) == 0
    written = [p.read_text() for p in (clone / "contributions").rglob("*") if p.is_file()]
    assert len(written) == len(FILES)
    assert "s3cret" not in "".join([*written, *capsys.readouterr()])


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:me/fork.git", "https://github.com/me/fork"),
        ("github.com:/me/fork.git", "https://github.com/me/fork"),
        ("ssh://git@gitlab.example.org:2222/group/sub/fork.git/", None),
        ("https://user:secret@github.com/me/fork.git", "https://github.com/me/fork"),
        ("http://git.example.org:8080/~me/fork", "http://git.example.org:8080/~me/fork"),
        ("git://git.example.org/fork.git", "https://git.example.org/fork"),
        # A folder, an alias of ssh's configuration, a local host: no address for others.
        *((here, "") for here in ("/srv/git/fork.git", "../fork.git", "fork.git", "a.b/fork.git")),
        *((here, "") for here in ("file:///srv/fork.git", "gh:me/fork.git", "C:\\fork.git", "")),
        *((here, "") for here in ("https://localhost/fork", "https://github.com/", "a.b:")),
        ("javascript:alert(1)//github.com/me", ""),
    ],
)
def test_web_address_of_a_remote(remote: str, address: str | None) -> None:
    expected = "https://gitlab.example.org/group/sub/fork" if address is None else address
    assert github.web_address_of(remote) == expected


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "../a", "/a", "a/", "a b", ".a", "_a", "+a", "a\n", "ä", "a;b", "$(a)"],
)
def test_name_that_cannot_be_used_is_refused(
    name: str,
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(clone.parent.rglob("*"))
    assert run_here(name, clone, monkeypatch) == 1
    assert f"error: {name!r}: expected a name of letters, digits" in capsys.readouterr().err
    assert sorted(clone.parent.rglob("*")) == before


def test_name_that_looks_like_an_option_is_refused(clone: Path) -> None:
    assert run(clone, "-a").returncode == 2
    done = run(clone, "--", "-a")
    assert done.returncode == 1
    assert "error: '-a': expected a name" in done.stderr


@pytest.mark.parametrize("name", ["majority_class", "Majority-Class", "majority.class"])
def test_name_of_the_baseline_is_refused(
    name: str,
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_here(name, clone, monkeypatch) == 1
    expected = f"error: {name!r}: the leaderboard has a baseline of that name"
    assert expected in capsys.readouterr().err
    assert list((clone / "contributions").iterdir()) == []


def test_what_is_there_is_never_overwritten(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contributions = clone / "contributions"
    (contributions / "empty").mkdir()
    (contributions / "file").write_text("mine")
    (contributions / "link").symlink_to("nowhere")
    (contributions / "Upper").mkdir()
    before = sorted(contributions.rglob("*"))
    for name in ("empty", "file", "link", "upper"):
        assert run_here(name, clone, monkeypatch) == 1
        expected = f"error: contributions/{name}: is there already; take another name"
        assert expected.casefold() in capsys.readouterr().err.casefold()
    assert sorted(contributions.rglob("*")) == before
    assert (contributions / "file").read_text() == "mine"


def test_missing_folder_of_contributions_is_not_made(home: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "my_model")
    assert done.returncode == 1
    assert "error: contributions: no such folder of contributions; run this in" in done.stderr
    assert not (tmp_path / "contributions").exists()


def test_full_disk_leaves_nothing_behind(clone: Path) -> None:
    limit = 1000  # bytes a file: too few for model.py, enough for the others
    done = run(
        clone,
        "my_model",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((clone / "contributions").iterdir()) == []


def test_interruption_leaves_nothing_behind(clone: Path) -> None:
    # The process interrupts itself, as Ctrl-C would, after the second of its files is written.
    program = f"""
import os
from jarvis_stem import cli, new
from jarvis_stem.submission import starter
written = []
def write_text(path, text, write=starter.write_text):
    write(path, text)
    written.append(path)
    if len(written) == 2:
        os.kill(os.getpid(), {int(signal.SIGINT)})
starter.write_text = write_text
raise SystemExit(cli.run(lambda: new.main(["my_model"])))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr == "interrupted\n"
    assert list((clone / "contributions").iterdir()) == []


def test_help_shows_how_to_go_on() -> None:
    done = run(REPOSITORY, "--help")
    assert done.returncode == 0
    assert "bash contributions/my_model/run.sh --benchmark stem_2d_proto" in done.stdout
