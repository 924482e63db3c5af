"""What a benchmark's results are compared with: published results, ids that have no structure.

``<benchmarks>/<CAT>/<SUBCAT>/<dataset>_<prop>.reference.json`` keeps, of each published submission,
which test ids it has right and a checksum of its predictions, so that a result can be tested
against it pair by pair, and a copy of it recognised, without the submission itself. It also keeps
which test ids an oracle has right, above which a result is too good to be true.
``python -m jarvis_stem.reference`` makes the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from jarvis_stem.formats.manifest import verify
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.schema import schema_problems
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_json_object

REFERENCE_SUFFIX = ".reference.json"


def _base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


class RightIds(BaseModel):
    """Which test ids a classifier has right.

    Attributes:
        score: Its accuracy, rounded as JARVIS-Leaderboard rounds it.
        right_ids: Which test ids it has right, in the benchmark's order: one bit each, most
            significant first, base64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    score: float
    right_ids: Annotated[str, AfterValidator(_base64)]

    def correct(self, n: int) -> NDArray[np.bool_]:
        """Whether each of n predictions is right, bool[n]."""
        packed = np.frombuffer(base64.b64decode(self.right_ids), np.uint8)
        return np.unpackbits(packed, count=n).astype(bool)


class Published(RightIds):
    """A published submission.

    Attributes:
        source: Where it was published.
        predictions_sha256: `fingerprint` of its predictions.
    """

    source: str
    predictions_sha256: str


class Reference(BaseModel):
    """A benchmark's reference file.

    Attributes:
        published: Published submissions by name.
        without_structure: Test ids whose structure is in none of the databases that the file was
            made with.
        oracle: What a classifier has right that is told the exact projected structures instead of
            seeing images; see `training.oracle`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    published: dict[str, Published] = {}
    without_structure: list[str] = []
    oracle: RightIds | None = None

    @classmethod
    def read(cls, root: Path, name: ResultName) -> Reference:
        """Read the reference of the benchmark that a result is about; without a file it is empty.

        Args:
            root: Folder of all benchmarks.
            name: The result's name.

        Raises:
            StemError: The file is not one, or its checksum is not the manifest's.
        """
        path = root / name.page_path(REFERENCE_SUFFIX)
        if not path.exists():
            return cls()
        verify(root, path)
        try:
            return cls.model_validate(read_json_object(path))
        except ValidationError as error:
            raise StemError(f"{path}: {'; '.join(schema_problems(error))}") from None


def fingerprint(predictions: Sequence[int | str]) -> str:
    """SHA-256 of predictions in the benchmark's order, as a JSON list: equal for equal ones."""
    return hashlib.sha256(json.dumps(predictions).encode()).hexdigest()
