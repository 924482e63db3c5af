from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import REPOSITORY, SMALL, command, complete_metadata

from jarvis_stem.formats.metadata import METADATA, Metadata, blank, read_metadata, update_metadata
from jarvis_stem.utils.errors import StemError

RUN: dict[str, Any] = {
    "date": datetime.date(2026, 11, 22),
    "seconds": 77,
    "missing_structures": 3,
    "software_used": "torch",
    "hardware_used": "CPU",
}


def write(folder: Path, change: dict[str, Any]) -> None:
    """Write metadata without a fault, but for a change."""
    text = json.dumps({**complete_metadata(), **change})
    (folder / METADATA).write_text(text, encoding="utf-8")


def read(folder: Path) -> Metadata:
    """Read metadata without a fault."""
    metadata, problems = read_metadata(folder)
    assert problems == []
    assert metadata is not None
    return metadata


def test_metadata_is_read(tmp_path: Path) -> None:
    missing = {SMALL.predictions_name: 3}
    write(tmp_path, {"missing_structures": missing})
    metadata = read(tmp_path)
    assert metadata.team_name == "team"
    assert metadata.seconds == {SMALL.predictions_name: 12}
    assert metadata.missing_structures == missing
    write(tmp_path, {})
    assert read(tmp_path).missing_structures == {}


def test_times_that_nobody_took(tmp_path: Path) -> None:
    times = {"x.csv.zip": "", SMALL.predictions_name: 1.5}
    write(tmp_path, {"time_taken_seconds": times})
    assert read(tmp_path).seconds == {SMALL.predictions_name: 1.5}


def test_nothing_filled_in_is_read(tmp_path: Path) -> None:
    (tmp_path / METADATA).write_text(json.dumps(blank()), encoding="utf-8")
    assert read(tmp_path).model_name == ""


@pytest.mark.parametrize(
    "change",
    [
        {"author_email": "jörg.müller+stem@exämple.org"},
        {"team_name": "Łódź 材料 Ελλάς"},
        {"date_submitted": "02-29-2024"},
        {"project_url": "http://localhost:8000/a?b=c#d"},
        {"git_url": []},
        {"note": {"any": ["depth", 1, None, 0.5]}},
        {"software_used": "x" * 1000},
    ],
)
def test_what_is_admitted(tmp_path: Path, change: dict[str, Any]) -> None:
    write(tmp_path, change)
    assert read(tmp_path).model_dump().items() >= change.items()


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    text = json.dumps(complete_metadata())
    (tmp_path / METADATA).write_text(text, encoding="utf-8-sig")
    assert read(tmp_path).model_name == "CNN"


def test_unknown_keys_cannot_pose_as_ours(tmp_path: Path) -> None:
    keys = ("seconds", "model_extra", "model_fields", "__class__", "__dict__", "self", "copy")
    write(tmp_path, dict.fromkeys(keys, "x"))
    metadata = read(tmp_path)
    assert metadata.seconds == {SMALL.predictions_name: 12}
    assert metadata.model_extra == dict.fromkeys(keys, "x")
    assert type(metadata) is Metadata


def test_all_faults_come_at_once_a_line_for_each_key(tmp_path: Path) -> None:
    write(tmp_path, {"team_name": 1, "git_url": ["x", "y"], "time_taken_seconds": {"a": "x"}})
    problems = read_metadata(tmp_path)[1]
    assert [problem.split("'")[1] for problem in problems] == [
        "team_name",
        "time_taken_seconds",
        "git_url",
    ]


@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900])
def test_deep_metadata(tmp_path: Path, value: str) -> None:
    for key in ("team_name", "note"):
        text = json.dumps(complete_metadata())
        (tmp_path / METADATA).write_text(f'{{"{key}": {value}, {text[1:]}', encoding="utf-8")
        metadata, problems = read_metadata(tmp_path)
        assert (metadata is None) == bool(problems)
        assert all(len(problem) < 200 for problem in problems)


def test_the_published_schema_is_what_check_prints() -> None:
    published = (REPOSITORY / "docs" / "metadata.schema.json").read_text(encoding="utf-8")
    done = command("check", "--schema")
    assert (done.returncode, done.stdout, done.stderr) == (0, published, "")
    schema = json.loads(published)
    assert schema["title"] == METADATA
    assert schema["required"] == list(blank())
    assert schema["additionalProperties"] is True


def test_a_run_writes_jarvis_keys(tmp_path: Path) -> None:
    path = update_metadata(tmp_path / "my_model", SMALL, **RUN)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert list(data) == [
        "model_name",
        "project_url",
        "date_submitted",
        "author_email",
        "database_version",
        "team_name",
        "time_taken_seconds",
        "language",
        "os",
        "software_used",
        "hardware_used",
        "git_url",
        "missing_structures",
    ]
    assert data["model_name"] == "my_model"
    assert data["date_submitted"] == "11-22-2026"
    assert data["time_taken_seconds"] == {SMALL.predictions_name: 77}
    assert data["missing_structures"] == {SMALL.predictions_name: 3}
    assert read_metadata(tmp_path / "my_model")[1] == []


def test_a_run_keeps_what_a_person_wrote(tmp_path: Path) -> None:
    mine = {
        "team_name": "mine",
        "note": ["kept"],
        "model_name": "DenseNet",
        "date_submitted": "01-01-2020",
        "time_taken_seconds": {"other.csv.zip": 5},
    }
    (tmp_path / "metadata.json").write_text(json.dumps(mine), encoding="utf-8")
    data = json.loads(update_metadata(tmp_path, SMALL, **RUN).read_text(encoding="utf-8"))
    assert (data["team_name"], data["note"], data["model_name"]) == ("mine", ["kept"], "DenseNet")
    assert data["date_submitted"] == "11-22-2026"
    assert data["time_taken_seconds"] == {"other.csv.zip": 5, SMALL.predictions_name: 77}


@pytest.mark.parametrize("text", ["{ broken", '{"time_taken_seconds": 5}'])
def test_a_run_leaves_broken_metadata_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StemError, match=r"metadata.json: (not JSON|expected \{file name)"):
        update_metadata(tmp_path, SMALL, **RUN)
    assert path.read_text(encoding="utf-8") == text
