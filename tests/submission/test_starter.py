"""The command that starts a contribution, as a user runs it: real git, a run by its script."""

from __future__ import annotations

import datetime
import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import REPOSITORY

from jarvis_stem import cli, new, score, train
from jarvis_stem.formats.metadata import blank, read_metadata
from jarvis_stem.imaging import image_set, prototypes
from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.submission import github, starter
from jarvis_stem.training import load, loop
from jarvis_stem.training.loop import Split
from jarvis_stem.utils.files import write_text

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


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in a folder, in this process; gives exit status, stdout and stderr."""

    def run(cwd: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(cwd)
        status = cli.run(lambda: new.main(list(arguments)))
        return status, *capsys.readouterr()

    return run


def metadata_of(clone: Path, name: str = "my_model") -> dict[str, object]:
    folder = clone / "contributions" / name
    assert read_metadata(folder)[1] == []
    data: dict[str, object] = json.loads((folder / "metadata.json").read_text())
    return data


@pytest.mark.training
def test_new_contribution_trains_and_is_scored(
    clone: Path, tiny_benchmarks: Path, tmp_path: Path, run: Run
) -> None:
    # tests/repository/test_contributing.py does it as a newcomer: the commands, by bash.
    assert run(clone, "my_model")[0] == 0
    contributions = clone / "contributions"
    arguments = ["my_model", "--benchmark", "stem_2d_proto", "--epochs", "1", "--quiet"]
    arguments += ["--benchmarks", str(tiny_benchmarks), "--contributions", str(contributions)]
    assert cli.run(lambda: train.main([*arguments, "--runs", str(tmp_path / "runs")])) == 0
    folder = contributions / "my_model"
    assert sorted(p.name for p in folder.iterdir()) == [
        *(f"{RESULT}.{suffix}" for suffix in ("csv.zip", "onnx", "run.json")),
        *FILES,
    ]
    scored = ["--quiet", "--contributions", str(contributions)]
    scored += ["--repository-url", "https://example.org"]
    scored += ["--benchmarks", str(tiny_benchmarks), "--output", str(tmp_path / "docs")]
    scored += ["--site", str(tmp_path / "site")]
    assert cli.run(lambda: score.main(scored)) == 0
    boards = json.loads((tmp_path / "docs" / "leaderboard.json").read_text())["benchmarks"]
    record = json.loads((folder / f"{RESULT}.run.json").read_text())
    assert boards[0]["results"][0]["score"] == record["result"]["accuracy"]


@pytest.mark.training
def test_two_epochs_of_the_template_tell_lattices_apart(clone: Path, tmp_path: Path) -> None:
    folder = starter.create("my_model", clone / "contributions")
    architecture = load(folder)
    drawn = prototypes.structures()
    classes = prototypes.benchmark()["train"]
    found = image_set.render(drawn, [i for i in classes if i in drawn][::3])
    split = Split(
        DescribedImages.of(found.images), torch.tensor([int(classes[i]) for i in found.ids])
    )
    torch.manual_seed(0)
    history, _ = loop.fit(
        architecture.build(5),
        split,
        split,
        replace(architecture.recipe, epochs=2),
        seed=0,
        device=torch.device("cpu"),
        checkpoint=tmp_path / "checkpoint.pt",
        identity={},
    )
    majority = torch.bincount(split.classes).max() / len(split)
    assert history[-1].train_accuracy > 1.5 * majority


def test_files_are_ready_to_use(clone: Path, run: Run) -> None:
    status, out, errors = run(clone, "my_model")
    assert status == 0, errors
    folder = clone / "contributions" / "my_model"
    assert sorted(p.name for p in folder.iterdir()) == FILES
    assert [p.name for p in folder.parent.iterdir()] == ["my_model"]
    assert all("{" + "{" not in p.read_text() for p in folder.iterdir())
    modes = {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()}
    assert modes == {"README.md": 0o644, "metadata.json": 0o644, "model.py": 0o644, "run.sh": 0o755}
    assert folder.stat().st_mode & 0o777 == 0o755
    steps = [line.strip() for line in out.partition("next:\n")[2].splitlines()]
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


def test_metadata_says_what_git_knows(clone: Path, run: Run) -> None:
    configure(clone, user_name="Jörg Müller", user_email="joerg@example.org")
    configure(clone, remote_origin_url="git@github.com:joerg/fork.git")
    before = datetime.date.today()
    status, out, errors = run(clone, "my_model")
    assert status == 0, errors
    assert "fill in" not in out
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


def test_what_nobody_knows_is_left_empty_and_named(clone: Path, run: Run) -> None:
    status, out, errors = run(clone, "my_model")
    assert status == 0, errors
    assert re.search(r"fill in .*metadata\.json: author_email, project_url, team_name", out)
    metadata = metadata_of(clone)
    for key in ("author_email", "team_name", "project_url"):
        assert metadata[key] == ""
    assert metadata["git_url"] == []


def test_it_works_outside_git_and_without_git(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    (tmp_path / "contributions").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run(tmp_path, "outside")[0] == 0
    monkeypatch.setenv("PATH", str(home))
    assert run(tmp_path, "without")[0] == 0
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
def test_credential_in_the_remote_is_never_written(remote: str, clone: Path, run: Run) -> None:
    configure(clone, remote_origin_url=remote)
    status, *said = run(clone, "my_model")
    assert status == 0
    written = [p.read_text() for p in (clone / "contributions").rglob("*") if p.is_file()]
    assert len(written) == len(FILES)
    assert "s3cret" not in "".join([*written, *said])


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
def test_name_that_cannot_be_used_is_refused(name: str, clone: Path, run: Run) -> None:
    before = sorted(clone.parent.rglob("*"))
    status, _, errors = run(clone, name)
    assert status == 1
    assert f"error: {name!r}: expected a name of letters, digits" in errors
    assert sorted(clone.parent.rglob("*")) == before


def test_name_that_looks_like_an_option_is_refused(clone: Path, run: Run) -> None:
    assert run(clone, "-a")[0] == 2
    status, _, errors = run(clone, "--", "-a")
    assert status == 1
    assert "error: '-a': expected a name" in errors


@pytest.mark.parametrize("name", ["majority_class", "Majority-Class", "majority.class"])
def test_name_of_the_baseline_is_refused(name: str, clone: Path, run: Run) -> None:
    status, _, errors = run(clone, name)
    assert status == 1
    assert f"error: {name!r}: the leaderboard has a baseline of that name" in errors
    assert list((clone / "contributions").iterdir()) == []


def test_what_is_there_is_never_overwritten(clone: Path, run: Run) -> None:
    contributions = clone / "contributions"
    (contributions / "empty").mkdir()
    (contributions / "file").write_text("mine")
    (contributions / "link").symlink_to("nowhere")
    (contributions / "Upper").mkdir()
    before = sorted(contributions.rglob("*"))
    for name in ("empty", "file", "link", "upper"):
        status, _, errors = run(clone, name)
        assert status == 1
        expected = f"error: contributions/{name}: is there already; take another name"
        assert expected.casefold() in errors.casefold()
    assert sorted(contributions.rglob("*")) == before
    assert (contributions / "file").read_text() == "mine"


@pytest.mark.usefixtures("home")
def test_missing_folder_of_contributions_is_not_made(tmp_path: Path, run: Run) -> None:
    status, _, errors = run(tmp_path, "my_model")
    assert status == 1
    assert "error: contributions: no such folder of contributions; run this in" in errors
    assert not (tmp_path / "contributions").exists()


def test_full_disk_leaves_nothing_behind(clone: Path, run: Run) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Bytes a file, of this process: too few for model.py, enough for the others.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, limit[1]))
    try:
        status, _, errors = run(clone, "my_model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert status == 1
    assert "error: " in errors
    assert "File too large" in errors
    assert list((clone / "contributions").iterdir()) == []


def test_interruption_leaves_nothing_behind(
    clone: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def interrupt_after_two(path: Path, text: str) -> None:
        write_text(path, text)
        written.append(path)
        if len(written) == 2:
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does

    monkeypatch.setattr(starter, "write_text", interrupt_after_two)
    assert run(clone, "my_model") == (130, "", "interrupted\n")
    assert list((clone / "contributions").iterdir()) == []


def test_help_shows_how_to_go_on(clone: Path, run: Run) -> None:
    status, out, _ = run(clone, "--help")
    assert status == 0
    assert "bash contributions/my_model/run.sh --benchmark stem_2d_proto" in out
