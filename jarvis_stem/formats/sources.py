"""Where the pictures of a benchmark are published: the file beside a benchmark of real pictures.

``<benchmarks>/<CAT>/<SUBCAT>/<dataset>_<prop>.sources.json`` has, for every id, the public file
that the picture is, its checksum and what is known of it. The pictures themselves are others' and
not committed; an id is the picture's path in any folder that has them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from jarvis_stem.formats.schema import Address, Amount, OneLine, WebAddress, schema_problems
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_json_object

SOURCES_SUFFIX = ".sources.json"
_NAME = r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*"  # no name that hides a file or leaves the folder
_PATH = re.compile(f"{_NAME}(/{_NAME})*")


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise ValueError("expected a path like folder/picture.tif, inside a folder of pictures")
    return text


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Source(_Schema):
    """The public file that a picture is.

    Attributes:
        address: Of the file at its commit; empty where it cannot be downloaded as it is.
        by_hand: How to get the picture then; empty where there is an address.
        page: Of the repository at the commit, for a person.
        sha256: Of the picture's file.
        licence: Of the repository.
        material: What is shown, and in which direction.
        mode: Of the microscope.
        kind: What makes it difficult: ``crystal``, ``grains``, ``figure``, ``background``, ….
        pixel_size: Å; None if unknown.
        pixel_size_from: What says so.
        crop: Which part of the public file the picture is; empty for all of it.
    """

    address: Address
    by_hand: OneLine
    page: WebAddress
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    licence: OneLine
    material: OneLine
    mode: OneLine
    kind: OneLine
    pixel_size: Amount | None
    pixel_size_from: OneLine
    crop: OneLine

    @model_validator(mode="after")
    def _one_way(self) -> Source:
        if bool(self.address) == bool(self.by_hand):
            raise ValueError("expected either an address or how to get it by hand")
        return self


class Sources(_Schema):
    """The pictures of a benchmark.

    Attributes:
        classes: All classes that there are, for the pictures need not show each.
        pictures: By id.
    """

    classes: list[int]
    pictures: dict[Annotated[str, AfterValidator(_path)], Source]

    @classmethod
    def read(cls, path: Path) -> Sources:
        """Read a benchmark's sources.

        Raises:
            StemError: The file is not of this form.
        """
        try:
            return cls.model_validate(read_json_object(path))
        except ValidationError as error:
            raise StemError(f"{path}: {'; '.join(schema_problems(error))}") from None
