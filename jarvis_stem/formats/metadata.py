"""A contribution's metadata.json: JARVIS-Leaderboard's keys as a schema, read and written."""

from __future__ import annotations

import datetime
import platform
import re
from collections.abc import Container
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from email_validator import validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.schema import (
    Address,
    Amount,
    Count,
    OneLine,
    control_characters,
    problems_by_key,
)
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_json_object, write_text

METADATA = "metadata.json"
REQUIRED_TEXT = ("author_email", "date_submitted", "model_name", "project_url", "team_name")
DATE_FORMAT = "%m-%d-%Y"
_SIZE_LIMIT = 2**20  # bytes
_DATE = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})")


@lru_cache  # who sends one contribution often sends more
def _email(text: str) -> str:
    try:
        if text:
            validate_email(text, check_deliverability=False)
    except ValueError:
        raise ValueError("expected an e-mail address like name@example.org") from None
    return text


def _date(text: str) -> str:
    try:
        found = _DATE.fullmatch(text or "01-01-2000")
        month, day, year = map(int, found.groups() if found else ())
        datetime.date(year, month, day)
    except ValueError:
        raise ValueError("expected a date as MM-DD-YYYY") from None
    return text


class Metadata(BaseModel):
    """What describes a contribution; the keys are JARVIS-Leaderboard's, but for the last.

    Text that nobody has filled in yet is empty. Unknown keys are kept in `model_extra`.

    Source: JARVIS-Leaderboard, ``jarvis_leaderboard/contributions/*/metadata.json``.
    """

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, protected_namespaces=(), title=METADATA
    )

    model_name: OneLine = Field(description="Name for people; the folder's name is the identifier.")
    project_url: Address = Field(description="Paper or project page.")
    date_submitted: Annotated[OneLine, AfterValidator(_date)] = Field(description="MM-DD-YYYY.")
    author_email: Annotated[OneLine, AfterValidator(_email)] = Field(description="Whom to ask.")
    database_version: OneLine = Field(description="Release of the database of structures.")
    team_name: OneLine = Field(description="Who made it.")
    time_taken_seconds: dict[OneLine, Amount | Literal[""]] = Field(
        description="Training time by name of the predictions' file; empty if nobody took it."
    )
    language: OneLine
    os: OneLine
    software_used: OneLine = Field(description="Packages, separated by commas.")
    hardware_used: OneLine = Field(description="Processor or GPU.")
    git_url: list[Address] = Field(description="Addresses of the code.")
    missing_structures: dict[OneLine, Count] = Field(
        default={},
        description="By predictions' file, the test ids without a structure at hand, or whose "
        "picture got no answer; they got the most frequent class.",
    )

    @property
    def seconds(self) -> dict[str, float]:
        """Training time by file name, where it was recorded."""
        return {file: time for file, time in self.time_taken_seconds.items() if time != ""}


def blank() -> dict[str, Any]:
    """JARVIS' keys in JARVIS' order, none of them filled in."""
    return {
        name: {"time_taken_seconds": {}, "git_url": []}.get(name, "")
        for name, field in Metadata.model_fields.items()
        if field.is_required()
    }


def read_metadata(folder: Path) -> tuple[Metadata | None, list[str]]:
    """Read a contribution's metadata.json.

    Args:
        folder: The contribution.

    Returns:
        The metadata, in which keys with a problem are blank and which is None where the file cannot
        be read; and the problems.
    """
    path = folder / METADATA
    try:
        data = read_json_object(path, limit=_SIZE_LIMIT)
    except StemError as error:
        return None, [f"{METADATA}: {str(error).removeprefix(f'{path}: ')}"]
    metadata, problems = parse_metadata(data)
    return metadata, [f"{METADATA}: {problem}" for problem in problems]


def parse_metadata(data: dict[str, Any]) -> tuple[Metadata, list[str]]:
    """Check what a metadata.json holds against the schema.

    Args:
        data: Its content.

    Returns:
        The metadata, in which keys with a problem are blank, and the problems.
    """
    problems = control_characters(data)
    try:
        metadata = Metadata.model_validate(_without(data, problems))
    except ValidationError as error:
        problems = problems_by_key(error) | problems
        metadata = Metadata.model_validate(blank() | _without(data, problems))
    return metadata, list(problems.values())


def update_metadata(
    folder: Path,
    name: ResultName,
    *,
    date: datetime.date,
    seconds: int,
    missing_structures: int,
    software_used: str,
    hardware_used: str,
) -> Path:
    """Record a training run in a contribution's metadata.json and keep what a person wrote there.

    What a run knows is replaced: date, times, software, hardware. What only a person knows
    (model_name, project_url, author_email, team_name, database_version, git_url) and every
    other key stays; where it is missing an empty one shows what to fill in.

    Args:
        folder: The contribution; made where missing.
        name: The result that the run produced.
        date: Its date.
        seconds: Its wall time.
        missing_structures: Test ids that got the most frequent class for want of a structure.
        software_used: Packages and versions.
        hardware_used: Processor or GPU.

    Returns:
        The file.

    Raises:
        StemError: There is a metadata.json that cannot be read; it is left as it is.
        OSError: The folder cannot be written.
    """
    path = folder / METADATA
    old = read_json_object(path, limit=_SIZE_LIMIT) if path.exists() else {}
    new = {
        **blank(),
        "model_name": folder.name,
        **old,
        "date_submitted": date.strftime(DATE_FORMAT),
        "language": "python",
        "os": platform.system().lower(),
        "software_used": software_used,
        "hardware_used": hardware_used,
        "time_taken_seconds": _with(old, "time_taken_seconds", name, seconds, path),
        "missing_structures": _with(old, "missing_structures", name, missing_structures, path),
    }
    write_text(path, json_text(new))
    return path


def record_predictions(folder: Path, name: ResultName, *, unanswered: int) -> Path:
    """Record predictions that a stored model made for pictures: nothing was trained for them.

    Args:
        folder: The contribution; it has a metadata.json.
        name: The result.
        unanswered: Test ids that got the most frequent class for want of an answer.

    Returns:
        The file.

    Raises:
        StemError: There is no metadata.json, or it cannot be read.
        OSError: The folder cannot be written.
    """
    path = folder / METADATA
    old = read_json_object(path, limit=_SIZE_LIMIT)
    new = {
        **old,
        "time_taken_seconds": _with(old, "time_taken_seconds", name, "", path),
        "missing_structures": _with(old, "missing_structures", name, unanswered, path),
    }
    write_text(path, json_text(new))
    return path


def _without(data: dict[str, Any], keys: Container[str]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in keys}


def _with(
    old: dict[str, Any], key: str, name: ResultName, value: int | Literal[""], path: Path
) -> dict[str, Any]:
    by_file = old.get(key, {})
    if not isinstance(by_file, dict):
        raise StemError(f"{path}: expected {{file name: number}} under {key!r}, got {by_file!r}")
    return {**by_file, name.predictions_name: value}
