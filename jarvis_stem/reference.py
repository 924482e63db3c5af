"""What a benchmark's results are compared with: published results, ids that have no structure.

``<benchmarks>/<CAT>/<SUBCAT>/<dataset>_<prop>.reference.json`` keeps, of each published submission,
which test ids it has right and a checksum of its predictions, so that a result can be tested
against it pair by pair, and a copy of it recognised, without the submission itself.
``python -m jarvis_stem.reference`` makes the file.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.manifest import MANIFEST
from jarvis_stem.formats.names import ResultName, bravais_result
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.formats.published import (
    REFERENCE_SUFFIX,
    Published,
    Reference,
    RightIds,
    fingerprint,
)
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_text

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

_EPILOG = """\
exit status:
  0    written
  1    a submission cannot be scored, or there is no such benchmark, or nothing could be written
  2    wrong arguments
  130  interrupted

examples:
  python -m jarvis_stem.reference stem_2d_proto
  python -m jarvis_stem.reference stem_2d_image --data ../shared/jarvis_data \\
    --published ../shared/jarvis_leaderboard/contributions --source \\
    https://github.com/usnistgov/jarvis_leaderboard/tree/main/jarvis_leaderboard/contributions
"""


@click.command(cls=cli.Command, name="reference", epilog=_EPILOG)
@click.argument("dataset", metavar="DATASET", shell_complete=cli.complete_dataset)
@click.option(
    "--published", type=cli.Folder(), metavar="DIR", help="Folder of published contributions."
)
@click.option("--source", metavar="URL", help="Where that folder was published.")
@cli.data_option
@cli.folder_option("benchmarks", "Folder of benchmarks.")
def main(
    dataset: str, published: Path | None, source: str | None, data: str | None, benchmarks: Path
) -> int:
    """Write a benchmark's reference file: published submissions, and what an oracle has right.

    DATASET is the benchmark's, for example stem_2d_image.
    """
    if (published is None) != (source is None):
        raise click.UsageError("--published and --source need each other")
    name = bravais_result(dataset)
    benchmark = Benchmark.read(benchmarks, name)
    structures = _structures(dataset, benchmark, data)
    reference = Reference(
        published=_published(published, source, name, benchmark) if published and source else {},
        without_structure=[id for id in benchmark.split("test") if id not in structures],
        oracle=_oracle(benchmark, structures),
    )
    path = benchmarks / name.page_path(REFERENCE_SUFFIX)
    write_text(path, json_text(reference.model_dump()))
    for model, submission in reference.published.items():
        print(f"{submission.score:.4f}  {model}")
    if reference.oracle:
        print(f"{reference.oracle.score:.4f}  an oracle that is told the structures")
    print(f"{len(reference.without_structure)} test ids without a structure")
    print(f"wrote {path}; now: cd {benchmarks} && sha256sum */*/* > {MANIFEST}")
    return 0


def _published(
    root: Path, source: str, name: ResultName, benchmark: Benchmark
) -> dict[str, Published]:
    published = {}
    targets = benchmark.targets(name.split)
    for path in sorted(root.glob(f"*/{name.predictions_name}")):
        predictions, problems = read_predictions(path, name, benchmark)
        if problems:
            raise StemError(f"{path}: {'; '.join(problems)}")
        published[path.parent.name] = Published(
            **_right(predictions == targets),
            source=f"{source.rstrip('/')}/{path.parent.name}",
            predictions_sha256=fingerprint(benchmark.named(predictions)),
        )
    return published


def _right(correct: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "score": round(np.count_nonzero(correct) / len(correct), 4),
        "right_ids": base64.b64encode(np.packbits(correct).tobytes()).decode(),
    }


def _structures(dataset: str, benchmark: Benchmark, data: str | None) -> dict[str, Atoms]:
    from jarvis_stem.imaging import structures

    ids = [id for split in benchmark.splits.values() for id in split]
    return structures.for_dataset(dataset, ids, data=data)


def _oracle(benchmark: Benchmark, structures: dict[str, Atoms]) -> RightIds | None:
    """What the oracle has right; it says the most frequent class where it is told nothing."""
    from jarvis_stem.training import oracle

    train, test = (benchmark.splits.get(split, {}) for split in ("train", "test"))
    known = [id for id in train if id in structures]
    if not known:
        return None
    asked = [id for id in test if id in structures]
    named = oracle.classes(
        [structures[id] for id in known],
        [train[id] for id in known],
        [structures[id] for id in asked],
    )
    answers = dict(zip(asked, named, strict=True))
    correct = [answers.get(id, benchmark.majority_class) == test[id] for id in test]
    return RightIds(**_right(np.array(correct)))


if __name__ == "__main__":
    sys.exit(cli.run(main))
