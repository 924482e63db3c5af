"""The repository's own metadata.json: where it lives, and what its benchmarks are about."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.schema import web_address
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_json_object

METADATA = "metadata.json"
T = TypeVar("T")


@dataclass(frozen=True)
class About:
    """What a benchmark's page says above its table.

    Attributes:
        references: Web addresses.
        classes: Names of the benchmark's classes, where they say more than the classes themselves.
    """

    title: str
    description: str = ""
    references: list[str] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """The repository: its address on the web and its benchmarks, in the order they are listed."""

    repository_url: str
    benchmarks: dict[ResultName, About]

    @classmethod
    def read(cls, path: Path) -> Project:
        """Read the repository's metadata.json.

        Raises:
            StemError: Missing, not JSON, or not of the expected form.
        """
        data = read_json_object(path)
        benchmarks = {}
        for i, entry in enumerate(_get(data, "benchmarks", list, str(path))):
            where = f"{path}: benchmarks[{i}]"
            name = ResultName.parse(_get(entry, "name", str, where))
            benchmarks[name] = _about(entry, where)
        return cls(web_address(_get(data, "repository_url", str, str(path))), benchmarks)


def listed_benchmarks(folder: Path) -> dict[ResultName, About]:
    """The benchmarks that a repository's metadata.json lists; none where there is no such file.

    Args:
        folder: The repository's top folder.

    Raises:
        StemError: The file is not of the expected form.
    """
    path = folder / METADATA
    return Project.read(path).benchmarks if path.exists() else {}


def _about(entry: dict[str, Any], where: str) -> About:
    return About(
        title=_get(entry, "title", str, where),
        description=_get(entry, "description", str, where),
        references=[web_address(str(url)) for url in _get(entry, "references", list, where)],
        classes=_get(entry, "classes", dict, where) if "classes" in entry else {},
    )


def _get(data: Any, key: str, kind: type[T], where: str) -> T:
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, kind):
        raise StemError(f"{where}: expected a {kind.__name__} under {key!r}, got {value!r}")
    return value
