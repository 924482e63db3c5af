"""The images that a run learns from, chooses by and is tested on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import DEFAULT_BENCHMARK
from jarvis_stem.imaging import conditions, image_set, kept_structures, prototypes, structures
from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.imaging.image_set import ImageSource
from jarvis_stem.training import ranks
from jarvis_stem.training.loop import Split
from jarvis_stem.utils import terminal
from jarvis_stem.utils.array_cache import ArrayCache, cache_folder
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_text

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

_VALIDATION_SHARE = 0.1
_LEAST = 2  # images of a class, one for each part
_MOST_COPIES = 1000  # keeps the seeds of one run's copies from those of another


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is asked for.

    Attributes:
        model: Name of the contribution, which has a model.py.
        benchmark: Its dataset.
        data: Folder of the JARVIS databases; see `imaging.store.store_directory`.
        refresh: Download them anew.
        images: Folder of images to read instead of rendering.
        structures: Files to render instead of the databases' structures.
        epochs: The model's own if None.
        until: Accuracy on the validation part that ends the training.
        device: As torch names it, or ``auto``.
        resume: Go on from the last checkpoint, if there is one.
        benchmarks: Folder of all benchmarks.
        contributions: Folder of contribution folders.
        runs: Folder of checkpoints and learning curves.
        cache: Folder of drawn and described images; see `array_cache.cache_folder`.
        use_cache: Whether they are kept there, and found again.
        command: The command line, for the record.
    """

    model: str
    command: str
    benchmark: str = DEFAULT_BENCHMARK
    data: str | None = None
    refresh: bool = False
    images: Path | None = None
    structures: Path | None = None
    epochs: int | None = None
    until: float | None = None
    seed: int = 0
    device: str = "auto"
    resume: bool = False
    benchmarks: Path = Path("benchmarks")
    contributions: Path = Path("contributions")
    runs: Path = Path("runs")
    cache: Path | None = None
    use_cache: bool = True


def find_structures(
    options: Options, benchmark: Benchmark, splits: Sequence[str], cache: ArrayCache
) -> Mapping[str, Atoms] | None:
    """Read the structures of all splits at once, for a database takes seconds.

    Args:
        options: What the run is asked for.
        benchmark: Its benchmark.
        splits: Names of the splits.
        cache: Where it is kept what is drawn of them.

    Returns:
        Structures by image id; None if images are read instead.

    Raises:
        StemError: See `imaging.structures`.
    """
    if options.images:
        return None
    if options.structures:
        from jarvis_stem.imaging import structure_files

        return structure_files.read_files(options.structures)
    ids = [i for split in splits for i in benchmark.split(split)]
    if options.refresh or options.benchmark == prototypes.RESULT_NAME.dataset:
        return structures.for_dataset(
            options.benchmark, ids, data=options.data, refresh=options.refresh
        )
    return kept_structures.for_dataset(options.benchmark, ids, cache, data=options.data)


def image_sources(
    options: Options,
    benchmark: Benchmark,
    split: str,
    sources: Mapping[str, Atoms] | None,
    noisy_copies: int = 0,
) -> list[ImageSource]:
    """Have sources of the images of a split; ids without one are counted and listed.

    Args:
        options: What the run is asked for.
        benchmark: Its benchmark.
        split: Name of the split.
        sources: What `find_structures` returned.
        noisy_copies: How many noisy images there shall be of each structure.

    Returns:
        That of the clean images, then those of the noisy copies.

    Raises:
        StemError: None of the ids has an image, or images that are read shall have noisy copies.
    """
    ids = benchmark.split(split)
    if sources is not None:
        found = [image_set.renders(sources, list(ids))]
        have = found[0].ids
        for copy in range(noisy_copies):
            seed = options.seed * _MOST_COPIES + copy
            drawn = conditions.draw(len(have), seed=seed)
            found.append(image_set.renders(sources, have, drawn, seed=seed))
    elif noisy_copies:
        raise StemError("--images: this model also learns from noisy drawings of structures")
    else:
        assert options.images is not None  # noqa: S101 - what `find_structures` returns None for
        found = [image_set.files(options.images, ids, benchmark.classes)]
    if (missing := found[0].missing) and ranks.rank() == 0:
        listing = options.runs / f"missing-{options.benchmark}-{split}.txt"
        write_text(listing, "\n".join(missing) + "\n")
        terminal.note(
            f"{split}: no image for {len(missing)} of {len(ids)} ids, listed in {listing}"
        )
    if not found[0].ids:
        raise StemError(f"none of the {len(ids)} {split} ids of {benchmark.path} has an image")
    return found


def open_cache(options: Options) -> ArrayCache:
    """Have the cache of drawn and described images, or what keeps nothing with ``--no-cache``."""
    return ArrayCache(cache_folder(options.cache) if options.use_cache else None)


def part(
    sources: Sequence[ImageSource], cache: ArrayCache, benchmark: Benchmark, seed: int
) -> tuple[Split, Split]:
    """Part the training ids, class by class, into those to learn from and those to choose by.

    All copies of an image go with it.

    Args:
        sources: What `image_sources` returned for the training split.
        cache: Where images are kept, and what is measured of them.
        benchmark: Has their classes.
        seed: Of the choice.
    """
    classes = positions_of(sources[0].ids, benchmark, "train")
    parts = parted(classes.numpy(), seed)
    images = DescribedImages(sources, cache)
    copies = np.arange(len(sources))[:, None] * len(classes)
    learn, choose = (
        Split(
            images.subset((copies + part).ravel()),
            classes[part].repeat(len(sources)),
            drawings=len(sources),
        )
        for part in parts
    )
    return learn, choose


def parted(classes: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part images into those to learn from and those to choose by, with each class in both.

    Args:
        classes: Of the images, int64[N].
        seed: Of the choice.

    Returns:
        The images' numbers, as scikit-learn's ``train_test_split`` gives them with
        ``stratify=classes``; it takes a second to be imported.

    Raises:
        StemError: A class has too few.
    """
    present, counts = np.unique(classes, return_counts=True)
    n_choose = math.ceil(_VALIDATION_SHARE * len(classes))
    if counts.min() < _LEAST or n_choose < len(present):
        raise StemError(
            f"too few training images to part them by class ({counts.min()} of one class, "
            f"{len(classes)} of {len(present)} classes)"
        )
    random = np.random.RandomState(seed)
    n_learned = _apportioned(counts, len(classes) - n_choose, random)
    n_chosen = _apportioned(counts - n_learned, n_choose, random)
    learn, choose = [], []
    for one, n_learn, n_rest in zip(present, n_learned, n_chosen, strict=True):
        shuffled = random.permutation(np.flatnonzero(classes == one))
        learn.append(shuffled[:n_learn])
        choose.append(shuffled[n_learn : n_learn + n_rest])
    return random.permutation(np.concatenate(learn)), random.permutation(np.concatenate(choose))


def _apportioned(
    counts: NDArray[np.int64], total: int, random: np.random.RandomState
) -> NDArray[np.int64]:
    """How many of each class make up a total, by their shares; the largest remainders round up."""
    exact = counts / counts.sum() * total
    found = np.floor(exact)
    remainders = exact - found
    for remainder in np.unique(remainders)[::-1]:
        equal = np.flatnonzero(remainders == remainder)
        more = min(len(equal), total - int(found.sum()))
        if more == 0:
            break
        found[random.choice(equal, size=more, replace=False)] += 1
    return found.astype(np.int64)


def positions_of(ids: Sequence[str], benchmark: Benchmark, split: str) -> torch.Tensor:
    """Classes of ids as positions in the benchmark's list of classes, int64[N]."""
    position = {c: n for n, c in enumerate(benchmark.classes)}
    truth = benchmark.split(split)
    return torch.tensor([position[truth[i]] for i in ids])
