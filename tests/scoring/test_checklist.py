from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from graphs import store_graph, tiny_graph
from helpers import (
    ALL_RIGHT,
    REPOSITORY,
    SMALL,
    THREE_RIGHT,
    add_benchmark,
    add_complete,
    command,
    complete_metadata,
    python,
    run_record,
)

from jarvis_stem.formats.manifest import MANIFEST
from jarvis_stem.formats.metadata import METADATA
from jarvis_stem.formats.published import REFERENCE_SUFFIX, Published, Reference, fingerprint
from jarvis_stem.scoring.checklist import CheckLine, Checklist, check
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.submission import starter
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.git import git

ZIP = SMALL.predictions_name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a benchmark and a contribution without a fault."""
    add_benchmark(tmp_path / "benchmarks")
    folder = add_complete(tmp_path / "contributions", "m", THREE_RIGHT)
    (folder / SMALL.run_record_name).write_text(json.dumps(run_record(0.75)), encoding="utf-8")
    return tmp_path


def checked(root: Path, model: str = "m") -> Checklist:
    return check(root / "contributions" / model, root / "benchmarks")


def line(checklist: Checklist, check: str) -> CheckLine:
    (found,) = (line for line in checklist.lines if line.check == check)
    return found


def script(root: Path, content: str) -> Checklist:
    """Check the contribution with another run.sh."""
    path = root / "contributions" / "m" / "run.sh"
    path.write_bytes(content.encode())
    return checked(root)


def test_all_checks_and_their_text(root: Path) -> None:
    done = checked(root)
    assert done.ok
    assert done.text().splitlines() == [
        "pass  name",
        "pass  predictions",
        f"pass  {ZIP}",
        "      3 of 4 right: 0.7500",
        f"pass  {ZIP} beside the others",
        f"pass  record of {ZIP}",
        "pass  metadata.json",
        "pass  metadata.json is complete",
        "pass  run.sh",
        "pass  run.sh is executable",
        "pass  run.sh is bash",
        "pass  run.sh names no path of one machine",
        "11 passed, 0 failed, 0 skipped",
    ]


def test_a_readme_that_was_not_filled_in_is_named(root: Path) -> None:
    readme = root / "contributions" / "m" / "README.md"
    starter.create("fresh", root / "contributions")
    readme.write_bytes((root / "contributions" / "fresh" / "README.md").read_bytes())
    done = checked(root)
    assert done.ok
    left = line(done, "README.md").details
    assert len(left) == 3
    assert left[0].startswith("line 3 is still to be written: 'Fill in: what")
    readme.write_text("# m\n\nIt sees the image.\n", encoding="utf-8")
    assert line(checked(root), "README.md").details == []


def test_what_cannot_be_checked_is_skipped_and_no_failure(root: Path) -> None:
    (root / "contributions" / "m" / SMALL.run_record_name).unlink()
    done = checked(root)
    assert done.ok
    assert line(done, f"record of {ZIP}") == CheckLine(
        "skip", f"record of {ZIP}", [f"no {SMALL.run_record_name}"]
    )
    assert done.summary == "10 passed, 0 failed, 1 skipped"


def record_weights(root: Path, content: bytes, **changes: object) -> Path:
    """Put weights into the contribution, and into its run's record but for some changes."""
    folder = root / "contributions" / "m"
    recorded = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), **changes}
    record = {**run_record(0.75), "weights": recorded}
    (folder / SMALL.run_record_name).write_text(json.dumps(record), encoding="utf-8")
    (folder / SMALL.weights_name).write_bytes(content)
    return folder / SMALL.weights_name


def test_recorded_weights_pass(root: Path) -> None:
    path = record_weights(root, b"weights")
    done = checked(root)
    assert line(done, path.name) == CheckLine("pass", path.name)
    assert done.summary == "12 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda p: p.write_bytes(b"Weights"), "expected SHA-256 9a129038"),
        (Path.unlink, "no such file; expected the one that was recorded"),
        (lambda p: (p.unlink(), p.mkdir()), "not a regular file"),
        (lambda p: p.write_bytes(bytes(8_000_001)), "8000001 bytes are more than the 8000000"),
    ],
)
def test_other_weights_than_the_recorded_fail(
    root: Path, spoil: Callable[[Path], object], expected: str
) -> None:
    path = record_weights(root, b"weights")
    spoil(path)
    done = checked(root)
    assert line(done, path.name).status == "fail"
    assert expected in line(done, path.name).details[0]
    assert len(done.failures) == 1


def test_weights_of_another_recorded_size_fail(root: Path) -> None:
    path = record_weights(root, b"weights", bytes=8)
    assert checked(root).failures == [
        f"{path.name}: expected the 8 bytes that were recorded, got 7; train anew"
    ]


def test_weights_that_no_run_recorded_fail(root: Path) -> None:
    for name in (SMALL.weights_name, "extra.safetensors", "a\nb.safetensors"):
        path = root / "contributions" / "m" / name
        path.write_bytes(b"weights")
        failures = checked(root).failures
        said = "expected a model that the record of a run beside it has"
        assert [said in failure for failure in failures].count(True) == 1
        assert all(failure.isprintable() for failure in failures)
        path.unlink()


def record_model(root: Path, content: bytes) -> Path:
    return store_graph(root / "contributions" / "m", SMALL, content, accuracy=0.75)


def test_a_stored_model_is_read_as_data(root: Path) -> None:
    path = record_model(root, tiny_graph())
    assert line(checked(root), path.name) == CheckLine("pass", path.name)
    path = record_model(root, tiny_graph(temperature="0"))
    assert checked(root).failures == [
        f"{path.name}: expected a list of classes and a positive temperature in its metadata, got "
        "{'classes': '[0, 1, 2, 3, 4]', 'temperature': '0'}"
    ]


def test_weights_are_not_scored(root: Path) -> None:
    record_weights(root, b"weights").write_bytes(b"others")
    done = command("score", "--repository-url", "https://x.org", cwd=root)
    assert done.returncode == 0, done.stderr


def test_what_depends_on_a_failure_is_skipped(root: Path) -> None:
    folder = root / "contributions" / "m"
    (folder / ZIP).write_bytes(b"")
    (folder / METADATA).unlink()
    (folder / "run.sh").unlink()
    done = checked(root)
    assert [(line.status, line.check) for line in done.lines] == [
        ("pass", "name"),
        ("pass", "predictions"),
        ("fail", ZIP),
        ("skip", f"{ZIP} beside the others"),
        ("skip", f"record of {ZIP}"),
        ("fail", "metadata.json"),
        ("skip", "metadata.json is complete"),
        ("fail", "run.sh"),
        ("skip", "run.sh is executable"),
        ("skip", "run.sh is bash"),
        ("skip", "run.sh names no path of one machine"),
    ]
    assert done.summary == "2 passed, 3 failed, 6 skipped"
    assert len(done.failures) == 3
    assert all(line.details for line in done.lines if line.status != "pass")


def test_a_checklist_by_itself() -> None:
    done = Checklist(
        "m", [CheckLine("pass", "a"), CheckLine("fail", "b", ["x", "y"]), CheckLine("skip", "c")]
    )
    assert not done.ok
    assert done.failures == ["b: x", "b: y"]
    assert done.text() == (
        "pass  a\nfail  b\n      x\n      y\nskip  c\n1 passed, 1 failed, 1 skipped"
    )
    assert done.as_json() == {
        "contribution": "m",
        "lines": [
            {"status": "pass", "check": "a", "details": []},
            {"status": "fail", "check": "b", "details": ["x", "y"]},
            {"status": "skip", "check": "c", "details": []},
        ],
        "ok": False,
    }
    assert Checklist("m", []).ok


def test_unknown_keys_are_allowed_and_said(root: Path) -> None:
    text = json.dumps({**complete_metadata(), "doi": "x", "funding": None})
    (root / "contributions" / "m" / METADATA).write_text(text, encoding="utf-8")
    done = checked(root)
    assert done.ok
    assert line(done, METADATA).details == ["2 keys unknown and kept: 'doi', 'funding'"]


def test_today_is_not_in_the_future_anywhere(root: Path) -> None:
    """Where a day begins first it is a day later than in UTC for most of the time."""
    east = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=14)))
    for days, ok in ((0, True), (2, False)):
        date = f"{east + datetime.timedelta(days=days):%m-%d-%Y}"
        text = json.dumps({**complete_metadata(), "date_submitted": date})
        (root / "contributions" / "m" / METADATA).write_text(text, encoding="utf-8")
        assert checked(root).ok == ok


def test_copies_are_allowed_and_named(root: Path) -> None:
    contributions = root / "contributions"
    shuffled = THREE_RIGHT.replace("d.jpg,0\ne.jpg,1\n", "e.jpg, 1 \nd.jpg,0.0\n")
    for model, csv in (
        ("b", shuffled),
        ("a", THREE_RIGHT),
        ("different", ALL_RIGHT),
        ("broken", THREE_RIGHT),
    ):
        add_complete(contributions, model, csv)
    (contributions / "broken" / ZIP).write_bytes(b"")
    published = {
        name: Published(
            score=0.0,
            source="https://x.org",
            right_ids="",
            predictions_sha256=fingerprint(predictions),
        )
        for name, predictions in (("densenet", [0, 1, 2, 1]), ("resnet", [2, 2, 2, 2]))
    }
    reference = root / "benchmarks" / SMALL.page_path(REFERENCE_SUFFIX)
    reference.write_text(Reference(published=published).model_dump_json(), encoding="utf-8")
    done = checked(root)
    assert done.ok
    assert line(done, f"{ZIP} beside the others").details == [
        "identical to published densenet",
        "identical to a",
        "identical to b",
    ]
    assert line(checked(root, "different"), f"{ZIP} beside the others").details == []


def test_every_predictions_file_has_its_lines(root: Path) -> None:
    folder = root / "contributions" / "m"
    (folder / "notes.csv.zip").touch()
    done = checked(root)
    assert line(done, ZIP).status == "pass"
    assert line(done, "notes.csv.zip").status == "fail"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("python /home/me/train.py", "/home/me/train.py"),
        ("cd /root", "/root"),
        ("cp x /Users/me/data/", "/Users/me/data/"),
        ("python --data=/scratch/project_1/x", "/scratch/project_1/x"),
        ("DATA='/mnt/disk'", "/mnt/disk"),
        ('DATA="/media/usb"', "/media/usb"),
        ("x >/data/log", "/data/log"),
        ("x </nfs/log", "/nfs/log"),
        ("{./a,/opt/b}", "/opt/b"),
        ("`/opt/x/bin/python`", "/opt/x/bin/python"),
        ("(/opt/x)", "/opt/x"),
        ("a=1;/opt/x", "/opt/x"),
        ("PATH=/usr/bin:/opt/conda/bin", "/opt/conda/bin"),
        ("scp x host:/scratch/me", "/scratch/me"),
        ("cd /usrlocal", "/usrlocal"),
        ("cd /dev-me/x", "/dev-me/x"),
        ("cd /binary", "/binary"),
        ("cd ~/data", "~/data"),
        ("cd ~other/data", "~other/data"),
        ("#!/opt/conda/bin/python", "/opt/conda/bin/python"),
        ("# see /srv/readme", "/srv/readme"),
        (r"python C:\data\x.py", r"C:\data\x.py"),
        ("python d:/data/x.py", "d:/data/x.py"),
    ],
)
def test_paths_of_one_machine(root: Path, text: str, found: str) -> None:
    details = line(script(root, f"{text}\n"), "run.sh names no path of one machine").details
    assert details == [f"1 path of one machine: line 1: {found!r}; make it relative or an argument"]


@pytest.mark.parametrize(
    "text",
    [
        "#!/usr/bin/env bash",
        "#!/bin/sh",
        "x >/dev/null 2>&1",
        "cat /proc/cpuinfo /etc/os-release /sys/x",
        "mkdir -p /tmp/x",
        "/usr/local/bin/python x",
        "/sbin/x",
        "ls /",
        "python train.py --data data/x ./y ../z",
        'cd "$(dirname "$0")/../.."',
        'cd "${BASH_SOURCE[0]%/*}"',
        "$HOME/x ${DATA}/y $1/z",
        "$(pwd)/x `pwd`/y",
        """"$DATA"/x "${DATA}"/x "$(pwd)"/x 'a'/b "$@"/c""",
        "cd ~",
        "curl https://example.org/home/me http://localhost:8000/data",
        "git clone git@github.com:me/x.git",
        "aws s3 cp s3://bucket/x .",
        "sed 's/a/b/'",
        'echo "${x//a/b}"',
        "echo $((a/b)) 1/2 and/or n/a",
        "date +%m/%d",
    ],
)
def test_paths_that_every_machine_has_and_what_is_no_path(root: Path, text: str) -> None:
    assert line(script(root, f"{text}\n"), "run.sh names no path of one machine").details == []


def test_many_paths_are_counted_with_their_lines(root: Path) -> None:
    done = script(root, "".join(f"cd /data/{i} /x\n" for i in range(3)))
    assert line(done, "run.sh names no path of one machine").details == [
        "6 paths of one machine: line 1: '/data/0', line 1: '/x', line 2: '/data/1', …; "
        "make it relative or an argument"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "touch {}",
        "$(touch {})",
        "`touch {}`",
        "x=$(touch {}) y[$(touch {})]=1",
        "cat <<A\n$(touch {})\nA",
        "cat <(touch {})",
        "trap 'touch {}' EXIT DEBUG ERR",
        "set +n\ntouch {}",
        "alias x='touch {}'\nx",
        "exec 3>{}",
        "echo >{}",
        "source /dev/stdin <<< 'touch {}'",
        "PROMPT_COMMAND='touch {}'",
        "function x {{ touch {}; }}; x",
        "eval 'touch {}'",
        "${{x:=$(touch {})}} $((y[$(touch {})]))",
        "touch {}\nif",
    ],
)
def test_a_script_is_read_and_never_run(root: Path, text: str) -> None:
    trace = root / "trace"
    script(root, text.replace("{}", str(trace)).replace("{{", "{").replace("}}", "}") + "\n")
    assert not trace.exists()


def test_the_environment_runs_nothing_either(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace, startup = root / "trace", root / "startup"
    startup.write_text(f"touch {trace}\n", encoding="utf-8")
    for name in ("BASH_ENV", "ENV"):
        monkeypatch.setenv(name, str(startup))
    monkeypatch.setenv("BASH_FUNC_echo%%", f"() {{ :; }}; touch {trace}")
    monkeypatch.setenv("SHELLOPTS", "xtrace")
    monkeypatch.setenv("PS4", f"$(touch {trace})")
    assert checked(root).ok
    assert not trace.exists()
    assert os.system("bash -c true") == 0  # noqa: S605  the trap does work
    assert trace.exists()


@pytest.mark.parametrize(
    "text",
    ["", "\n", "#!/usr/bin/env bash", "echo é ☃", "[[ a =~ b ]] && echo", "x=(1 2)", "cat <<A\nx"],
)
def test_scripts_that_bash_reads(root: Path, text: str) -> None:
    assert script(root, text).ok


def test_what_bash_says_is_passed_on(root: Path) -> None:
    details = line(script(root, "echo\n)\n"), "run.sh is bash").details
    assert details[0] == "line 2: syntax error near unexpected token `)'"
    details = line(script(root, f"echo\n) {'x' * 5000} \x1b[2J\n"), "run.sh is bash").details
    assert all(detail.isprintable() and len(detail) < 100 for detail in details)


def test_a_script_that_makes_bash_crash_fails(root: Path) -> None:
    (detail,) = line(script(root, "$(" * 200_000), "run.sh is bash").details
    assert detail.startswith("bash -n ended with status ")


def test_without_bash_its_check_is_skipped(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    done = script(root, "if\n")
    assert done.ok
    assert line(done, "run.sh is bash").details == ["bash is not on the PATH"]
    assert line(script(root, "if\r\n"), "run.sh is bash").status == "fail"


def test_the_mode_of_a_script(root: Path) -> None:
    path = root / "contributions" / "m" / "run.sh"
    for mode, status in ((0o755, "pass"), (0o700, "pass"), (0o644, "fail"), (0o655, "fail")):
        path.chmod(mode)
        assert line(checked(root), "run.sh is executable").status == status


def test_the_folder_by_any_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "contributions" / "m")
    for path in (Path(), Path("../m"), Path("../../contributions/m/"), Path.cwd()):
        done = check(path, root / "benchmarks")
        assert (done.contribution, done.ok) == ("m", True)
    (root / "way").symlink_to(root / "contributions")
    assert check(root / "way" / "m", root / "benchmarks").ok
    (root / "contributions" / "linked").symlink_to("m")
    assert not checked(root, "linked").ok


def test_what_ends_without_a_checklist(root: Path) -> None:
    with pytest.raises(StemError, match="contributions/none: no such contribution; expected a fol"):
        checked(root, "none")
    with pytest.raises(StemError, match=r"run.sh: no such contribution"):
        checked(root, "m/run.sh")
    with pytest.raises(StemError, match="no such folder of benchmarks"):
        check(root / "contributions" / "m", root / "none")


def test_a_changed_benchmark_stops_everything(root: Path) -> None:
    manifest = root / "benchmarks" / MANIFEST
    manifest.write_text(f"{'0' * 64}  {SMALL.page_path('.json.zip')}\n", encoding="utf-8")
    with pytest.raises(StemError, match=r"SHA256SUMS has 0000.*; restore the file, or record a"):
        checked(root)


def test_the_command(root: Path) -> None:
    done = python("-m", "jarvis_stem.check", "contributions/m", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{checked(root).text()}\n"
    folder = root / "contributions" / "m"
    done = command("check", ".", "--benchmarks", "../../benchmarks", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == checked(root).as_json()
    (root / "contributions" / "m" / "run.sh").unlink()
    for more in ([], ["--json"]):
        done = command("check", "contributions/m/", *more, cwd=root)
        assert (done.returncode, done.stderr) == (1, "")
        assert "expected a file run.sh" in done.stdout


def test_the_command_on_what_is_not_there(root: Path) -> None:
    done = command("check", "contributions/none", cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("error: contributions/none: no such contribution; expected a folder\n")
    shutil.rmtree(root / "benchmarks")
    done = command("check", "contributions/m", cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: benchmarks: no such folder of benchmarks\n"
    for wrong in ([], ["a", "b"], ["a", "--schema"], ["a", "--fast"]):
        done = command("check", *wrong, cwd=root)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Usage: ")


def test_names_that_a_terminal_would_obey(root: Path) -> None:
    folder = root / "contributions" / "m"
    (folder / f"\x1b[2J{ZIP}").touch()
    bad = folder.rename(folder.with_name("\x1b]0;x\x07\udcff"))
    for more in ([], ["--json"]):
        done = python("-m", "jarvis_stem.check", bad, *more, cwd=root)
        assert done.returncode == 1
        assert all(text.isprintable() for text in done.stdout.splitlines())


@pytest.mark.parametrize("model", ["densenet_model", "resnet_model"])
def test_the_committed_contributions_pass(model: str) -> None:
    done = check(REPOSITORY / "contributions" / model, REPOSITORY / "benchmarks")
    assert done.ok, done.failures


def test_a_slow_clock_does_not_fail_what_is_committed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = root / "contributions" / "m"
    data = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    (folder / "metadata.json").write_text(
        json.dumps({**data, "date_submitted": "01-31-2024"}), encoding="utf-8"
    )

    class Slow(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Slow:
            return cls(1999, 1, 1, tzinfo=tz)

    monkeypatch.setattr("jarvis_stem.scoring.checklist.datetime.datetime", Slow)
    assert "not in the future" in " ".join(checked(root).failures)
    identity = {
        **{f"GIT_{who}_NAME": "x" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "x@example.org" for who in ("AUTHOR", "COMMITTER")},
        "GIT_COMMITTER_DATE": "2024-02-01T00:00:00Z",
    }
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        git(*step, cwd=root, env=identity)
    assert checked(root).ok
    (folder / "metadata.json").write_text(
        json.dumps({**data, "date_submitted": "01-30-2024"}), encoding="utf-8"
    )
    assert not checked(root).ok


PROGRAM = "#!/bin/sh\ntouch {marker}\n"


@pytest.mark.parametrize("place", [".git", "."])
def test_a_repository_in_a_contribution_has_none_of_its_programs_run(
    place: str, root: Path, tmp_path: Path
) -> None:
    folder, marker = root / "contributions" / "m", tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(PROGRAM.format(marker=marker))
    program.chmod(0o755)
    git("init", "-q", "--bare", str(folder / place), cwd=root)
    settings = {"core.bare": "false", "core.worktree": str(folder), "core.fsmonitor": str(program)}
    for key, value in settings.items():
        git("config", "--file", str(folder / place / "config"), key, value, cwd=root)
    git("status", cwd=folder, accept=range(256))
    assert marker.exists()  # so it would be seen
    marker.unlink()
    found = checked(root)
    build(root / "contributions", root / "benchmarks")
    assert not marker.exists()
    if place == ".git":
        assert any("a git repository of its own" in failure for failure in found.failures)


@pytest.mark.parametrize(
    "name", ["jarvis_stem", "jarvis_stem.py", "Jarvis_Stem.pyc", "importlib.py", "git~1"]
)
def test_names_that_stand_for_something_else_are_refused(name: str, root: Path) -> None:
    (root / "contributions" / "m" / name).mkdir()
    assert any(f"'{name}': " in failure for failure in checked(root).failures)
