"""What a benchmark's results are compared with: published results, ids that have no structure.

``<benchmarks>/<CAT>/<SUBCAT>/<dataset>_<prop>.reference.json`` keeps, of each published submission,
which test ids it has right and a checksum of its predictions, so that a result can be tested
against it pair by pair, and a copy of it recognised, without the submission itself.
``python -m jarvis_stem.reference`` makes the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import click
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from jarvis_stem import cli
from jarvis_stem.benchmark import MANIFEST, Benchmark, ResultName, verify
from jarvis_stem.errors import StemError
from jarvis_stem.files import json_text, read_json_object, write_text
from jarvis_stem.metadata import schema_problems
from jarvis_stem.metrics import accuracy
from jarvis_stem.predictions import read_predictions

REFERENCE_SUFFIX = ".reference.json"
_EPILOG = """\
exit status:
  0    written
  1    a submission cannot be scored, or there is no such benchmark, or nothing could be written
  2    wrong arguments
  130  interrupted

example:
  python -m jarvis_stem.reference stem_2d_image --data ../shared/jarvis_data \\
    --published ../shared/jarvis_leaderboard/contributions --source \\
    https://github.com/usnistgov/jarvis_leaderboard/tree/main/jarvis_leaderboard/contributions
"""


def _base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


class Published(BaseModel):
    """A published submission.

    Attributes:
        score: Its accuracy, rounded as JARVIS-Leaderboard rounds it.
        source: Where it was published.
        right_ids: Which test ids it has right, in the benchmark's order: one bit each, most
            significant first, base64.
        predictions_sha256: `fingerprint` of its predictions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    score: float
    source: str
    right_ids: Annotated[str, AfterValidator(_base64)]
    predictions_sha256: str

    def correct(self, n: int) -> NDArray[np.bool_]:
        """Whether each of n predictions is right, bool[n]."""
        packed = np.frombuffer(base64.b64decode(self.right_ids), np.uint8)
        return np.unpackbits(packed, count=n).astype(bool)


class Reference(BaseModel):
    """A benchmark's reference file.

    Attributes:
        published: Published submissions by name.
        without_structure: Test ids whose structure is in none of the databases that the file was
            made with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    published: dict[str, Published] = {}
    without_structure: list[str] = []

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


@click.command(cls=cli.Command, name="reference", epilog=_EPILOG)
@click.argument("dataset", metavar="DATASET", shell_complete=cli.complete_dataset)
@click.option(
    "--published", type=cli.Folder(), required=True, metavar="DIR", help="Folder of contributions."
)
@click.option("--source", required=True, metavar="URL", help="Where that folder was published.")
@cli.data_option
@cli.folder_option("benchmarks", "Folder of benchmarks.")
def main(dataset: str, published: Path, source: str, data: str | None, benchmarks: Path) -> int:
    """Write a benchmark's reference file from published submissions.

    DATASET is the benchmark's, for example stem_2d_image.
    """
    name = ResultName("AI", "ImageClass", "bravais_class", dataset, "test", "acc")
    benchmark = Benchmark.read(benchmarks, name)
    reference = Reference(
        published=_published(published, source, name, benchmark),
        without_structure=_without_structure(dataset, benchmark, data),
    )
    path = benchmarks / name.page_path(REFERENCE_SUFFIX)
    write_text(path, json_text(reference.model_dump()))
    for model, submission in reference.published.items():
        print(f"{submission.score:.4f}  {model}")
    print(f"{len(reference.without_structure)} test ids without a structure")
    print(f"wrote {path}; now: cd {benchmarks} && sha256sum */*/* > {MANIFEST}")
    return 0


def _published(
    root: Path, source: str, name: ResultName, benchmark: Benchmark
) -> dict[str, Published]:
    published = {}
    targets = list(benchmark.split(name.split).values())
    for path in sorted(root.glob(f"*/{name.predictions_name}")):
        predictions, problems = read_predictions(path, name, benchmark)
        if problems:
            raise StemError(f"{path}: {'; '.join(problems)}")
        correct = np.array([p == t for p, t in zip(predictions, targets, strict=True)])
        published[path.parent.name] = Published(
            score=accuracy(targets, predictions),
            source=f"{source.rstrip('/')}/{path.parent.name}",
            right_ids=base64.b64encode(np.packbits(correct).tobytes()).decode(),
            predictions_sha256=fingerprint(predictions),
        )
    return published


def _without_structure(dataset: str, benchmark: Benchmark, data: str | None) -> list[str]:
    from jarvis_stem import structures

    ids = benchmark.split("test")
    found = structures.for_dataset(dataset, ids, data=data)
    return [id for id in ids if id not in found]


if __name__ == "__main__":
    sys.exit(cli.run(main))
