"""A board's test images for the site: thumbnails, and what every contribution predicts for each.

Nothing is downloaded for it: images are of the built-in structures and of databases that are on
disk. Probabilities are the stored models', run without their code, and kept between builds.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jarvis_stem import __version__
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.formats.run_record import read_run_record
from jarvis_stem.scoring.board import Board, Leaderboard
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip, write_bytes, zip_bytes
from jarvis_stem.utils.messages import quote
from jarvis_stem.utils.progress import track
from jarvis_stem.web.content import example_image

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

    from jarvis_stem.imaging.image_set import ImageSet

THUMBNAIL_SIZE = 96  # pixels a side
_QUALITY = 80  # of WebP; those of stem_2d_image take 8 MB
_CHUNK = 64  # images between two steps of the progress bar
_MEMBER = "probabilities.npy"


@dataclass(frozen=True)
class Answers:
    """What one contribution predicts for a gallery's images.

    Attributes:
        contribution: Its name.
        predicted: Positions of the predicted classes, intp[N]; from its predictions file.
        probabilities: Of every class, float32[N, K]; None where they are not known.
        why_not: Why they are not known; empty where they are, or where no model is stored.
    """

    contribution: str
    predicted: NDArray[np.intp]
    probabilities: NDArray[np.float32] | None = None
    why_not: str = ""

    @property
    def certainty(self) -> NDArray[np.float32] | None:
        """Probability of each predicted class, float32[N]."""
        if self.probabilities is None:
            return None
        return np.take_along_axis(self.probabilities, self.predicted[:, None], axis=1)[:, 0]


@dataclass(frozen=True)
class Crystals:
    """What the N images show, and what is measured in them.

    Lattices are a and b in Å and gamma in degrees, float64[N, 3]; NaN where none was found.

    Attributes:
        formulas: Of the structures' cells.
        cells: The cells as they were published, which the classes are of.
        projected: The primitive lattices that the structures have seen from above.
        measured: The lattices measured in the images.
    """

    formulas: tuple[str, ...]
    cells: NDArray[np.float64]
    projected: NDArray[np.float64]
    measured: NDArray[np.float64]


@dataclass(frozen=True)
class Gallery:
    """Test images of a board for which there is a structure at hand.

    Attributes:
        name: The board's.
        ids: The N ids with an image, in the benchmark's order.
        truth: Positions of their classes in the board's, intp[N].
        answers: Of each contribution, best first.
        thumbnails: WebP files.
        crystals: What the images show.
    """

    name: ResultName
    ids: tuple[str, ...]
    truth: NDArray[np.intp]
    answers: list[Answers]
    thumbnails: tuple[bytes, ...]
    crystals: Crystals

    @cached_property
    def n_correct(self) -> NDArray[np.intp]:
        """How many contributions have each image correct, intp[N]."""
        correct = np.zeros(len(self.ids), np.intp)
        for one in self.answers:
            correct += one.predicted == self.truth
        return correct

    def thumbnail(self, position: int) -> PurePosixPath:
        """Where an image's thumbnail is in the site; ids need not make file names."""
        return PurePosixPath("thumbs", self.name.benchmark_name, f"{position:05}.webp")

    def files(self) -> Iterator[tuple[PurePosixPath, bytes]]:
        """Every thumbnail with its place in the site, and those that stand for a class once more.

        A class's is one that most contributions have correct, the first of these.
        """
        for position, content in enumerate(self.thumbnails):
            yield self.thumbnail(position), content
        for class_position in np.unique(self.truth).tolist():
            easiest = np.argmax(np.where(self.truth == class_position, self.n_correct, -1))
            yield example_image(self.name.benchmark_name, class_position), self.thumbnails[easiest]


def build(
    leaderboard: Leaderboard,
    contributions: Path,
    benchmarks: Path,
    *,
    data: str | None = None,
    cache: Path | None = None,
) -> dict[str, Gallery]:
    """Make the galleries of all boards whose structures are at hand.

    Args:
        leaderboard: What was scored; what it rejected is in no gallery.
        contributions: Folder of contribution folders.
        benchmarks: Folder of benchmarks.
        data: Folder of the JARVIS databases; see `imaging.store.store_directory`.
        cache: Where probabilities are kept; by default in the user's cache folder.

    Returns:
        Galleries by board name.

    Raises:
        StemError: `data` is no folder, a database is damaged, or a file that was scored has
            changed since.
    """
    galleries = {}
    for board in leaderboard.benchmarks:
        name = ResultName.parse(board.name)
        benchmark = Benchmark.read(benchmarks, name)
        if benchmark.sources:  # pictures are not drawn from structures
            continue
        truth = benchmark.split(name.split)
        images, thumbnails, crystals = _drawn(name.dataset, tuple(truth), data)
        if not images.ids:
            continue
        position = {c: n for n, c in enumerate(board.classes)}
        models = _Models(benchmarks, name, images, cache or _cache_folder())
        galleries[board.name] = Gallery(
            name,
            images.ids,
            np.array([position[truth[i]] for i in images.ids], np.intp),
            list(_answers(board, benchmark, contributions, models)),
            thumbnails,
            crystals,
        )
    return galleries


@dataclass(frozen=True)
class _Models:
    """The stored models of a board's contributions, and what they predict."""

    benchmarks: Path
    name: ResultName
    images: ImageSet
    cache: Path

    def probabilities(self, folder: Path) -> tuple[NDArray[np.float32] | None, str]:
        """A contribution's probabilities, or why they are not known."""
        record, _ = read_run_record(folder / self.name.run_record_name)
        if record is None or record.stored is None:
            return None, ""
        if record.model is None:
            return None, "its weights run with its own code alone (see jarvis-stem convert)"
        sha256 = record.model.sha256
        kept = self.cache / f"{self._key(sha256)}.zip"
        try:
            return _read_kept(kept, len(self.images.ids)), ""
        except (StemError, ValueError):  # not kept yet, or damaged
            pass
        try:
            probabilities = self._predicted(folder, sha256)
        except StemError as error:
            return None, f"its model could not be run ({error})"
        content = io.BytesIO()
        np.save(content, probabilities)
        write_bytes(kept, zip_bytes(_MEMBER, content.getvalue()))
        return probabilities, ""

    def _predicted(self, folder: Path, sha256: str) -> NDArray[np.float32]:
        from jarvis_stem.prediction.stored_model import StoredModel

        model = StoredModel.load(folder / self.name.model_name, sha256)
        if model.classes != Benchmark.read(self.benchmarks, self.name).classes:
            raise StemError(f"of other classes than the benchmark's: {quote(model.classes)}")
        images = self.images.images
        chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
        return np.concatenate([model.probabilities(part) for part in track(chunks, folder.name)])

    def _key(self, sha256: str) -> str:
        """What the probabilities depend on, in short."""
        return _sha256("\n".join((__version__, sha256, self._input)).encode())

    @cached_property
    def _input(self) -> str:
        """What all models of the board are given, in short."""
        benchmark = self.benchmarks / self.name.page_path(BENCHMARK_SUFFIX)
        return f"{_sha256(benchmark.read_bytes())}\n{_sha256(self.images.images.data)}"


def _sha256(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("jarvis_stem") / "site"


def _read_kept(path: Path, n: int) -> NDArray[np.float32]:
    """Probabilities that an earlier build has kept.

    Raises:
        StemError: No such file, or a damaged one.
        ValueError: Its member is not an array, or another one.
    """
    kept = np.load(io.BytesIO(read_zip(path, _MEMBER)), allow_pickle=False)
    if kept.dtype != np.float32 or kept.ndim != 2 or len(kept) != n:
        raise ValueError(f"{kept.dtype}{list(kept.shape)}")
    return kept


def _answers(
    board: Board, benchmark: Benchmark, contributions: Path, models: _Models
) -> Iterator[Answers]:
    name = models.name
    row = {id: n for n, id in enumerate(benchmark.split(name.split))}
    rows = [row[i] for i in models.images.ids]
    for result in board.results:
        folder = contributions / result.contribution
        predictions, problems = read_predictions(folder / result.file, name, benchmark)
        if problems:
            raise StemError(f"{folder / result.file}: changed after it was scored; build anew")
        yield Answers(result.contribution, predictions[rows], *models.probabilities(folder))


@lru_cache(maxsize=4)  # serving builds again and again
def _drawn(
    dataset: str, ids: tuple[str, ...], data: str | None
) -> tuple[ImageSet, tuple[bytes, ...], Crystals]:
    """Images and thumbnails of what has a structure at hand, and what that is."""
    from jarvis_stem.imaging import image_set

    structures = _structures(dataset, ids, data)
    images = image_set.render(structures, ids)
    with ThreadPoolExecutor() as pool:  # Pillow encodes without the GIL
        thumbnails = tuple(pool.map(_thumbnail, images.images))
    return images, thumbnails, _crystals([structures[id] for id in images.ids], images.images)


def _crystals(structures: list[Atoms], images: NDArray[np.uint8]) -> Crystals:
    from jarvis_stem.imaging.measurement import Lattices, measure, reduce
    from jarvis_stem.imaging.projection import projected_lattice

    def numbers(lattices: Lattices) -> NDArray[np.float64]:
        return np.column_stack([lattices.lengths, lattices.gamma])

    projected = [projected_lattice(atoms) for atoms in structures]
    basis = reduce(np.reshape(projected, (-1, 2, 2)))
    return Crystals(
        tuple(atoms.composition.reduced_formula for atoms in structures),
        np.reshape([[*a.lattice.abc[:2], a.lattice.angles[2]] for a in structures], (-1, 3)),
        numbers(Lattices(basis, np.ones(len(basis)))),
        numbers(measure(images)),
    )


def _structures(dataset: str, ids: tuple[str, ...], data: str | None) -> dict[str, Atoms]:
    from jarvis_stem.imaging import prototypes, structures
    from jarvis_stem.imaging.store import DATABASES, database_path, store_directory

    if dataset != prototypes.RESULT_NAME.dataset:
        store = store_directory(data)
        if not all(database_path(d, store).exists() for d in DATABASES):
            return {}
    return structures.for_dataset(dataset, ids, data=data)


def _thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    small = Image.fromarray(pixels).resize((THUMBNAIL_SIZE,) * 2, Image.Resampling.LANCZOS)
    content = io.BytesIO()
    small.save(content, "WEBP", quality=_QUALITY, method=4)
    return content.getvalue()
