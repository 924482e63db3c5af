"""The repository's own metadata.json: where it lives, and what its benchmarks are about."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.schema import WebAddress, schema_problems
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_json_object

METADATA = "metadata.json"


@dataclass(frozen=True)
class About:
    """What a benchmark's page says above its table.

    Attributes:
        title: As JARVIS-Leaderboard publishes it.
        heading: The same in plain words, for the site; empty where there are none.
        references: Web addresses.
        classes: Names of the benchmark's classes, where they say more than the classes themselves.
    """

    title: str
    description: str = ""
    references: list[str] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    heading: str = ""


class _Listed(BaseModel):
    name: str
    title: str
    description: str
    references: list[WebAddress]
    classes: dict[str, str] = {}
    heading: str = ""


class _File(BaseModel):
    repository_url: WebAddress
    site_url: WebAddress | None = None
    benchmarks: list[_Listed]


@dataclass(frozen=True)
class Project:
    """The repository.

    Attributes:
        repository_url: Its address on the web.
        benchmarks: In the order they are listed.
        site_url: Where the leaderboard's site is published, without a slash at its end; empty where
            it is not.
    """

    repository_url: str
    benchmarks: dict[ResultName, About]
    site_url: str = ""

    @classmethod
    def read(cls, path: Path) -> Project:
        """Read the repository's metadata.json.

        Raises:
            StemError: Missing, not JSON, or not of the expected form.
        """
        try:
            file = _File.model_validate(read_json_object(path))
        except ValidationError as error:
            raise StemError(f"{path}: {'; '.join(schema_problems(error))}") from None
        benchmarks = {
            ResultName.parse(one.name): About(**one.model_dump(exclude={"name"}))
            for one in file.benchmarks
        }
        return cls(file.repository_url, benchmarks, (file.site_url or "").rstrip("/"))


def listed_benchmarks(folder: Path) -> dict[ResultName, About]:
    """The benchmarks that a repository's metadata.json lists; none where there is no such file.

    Args:
        folder: The repository's top folder.

    Raises:
        StemError: The file is not of the expected form.
    """
    path = folder / METADATA
    return Project.read(path).benchmarks if path.exists() else {}
