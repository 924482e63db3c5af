"""The images that a run learns from, chooses by and is tested on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
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
    parts = parted(classes.numpy(), seed, cache)
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


def parted(
    classes: NDArray[np.int64], seed: int, cache: ArrayCache
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part images into those to learn from and those to choose by, with each class in both.

    Args:
        classes: Of the images, int64[N].
        seed: Of the choice.
        cache: Where the choice is kept.

    Returns:
        The images' numbers.

    Raises:
        StemError: A class has too few.
    """
    decided = f"{metadata.version('scikit-learn')} {seed} {_VALIDATION_SHARE}".encode()
    name = f"parts-{hashlib.sha256(decided + classes.tobytes()).hexdigest()}"
    if (both := cache.get(name)) is None:
        # Imported for a second; another training of the same images need not be.
        from sklearn.model_selection import train_test_split

        rows = np.arange(len(classes))
        share = _VALIDATION_SHARE
        try:
            parts = train_test_split(rows, test_size=share, random_state=seed, stratify=classes)
        except ValueError as error:
            raise StemError(f"too few training images to part them by class ({error})") from None
        cache.put(name, both := np.concatenate(parts))
    n_learn = len(classes) - math.ceil(_VALIDATION_SHARE * len(classes))
    return both[:n_learn], both[n_learn:]


def positions_of(ids: Sequence[str], benchmark: Benchmark, split: str) -> torch.Tensor:
    """Classes of ids as positions in the benchmark's list of classes, int64[N]."""
    position = {c: n for n, c in enumerate(benchmark.classes)}
    truth = benchmark.split(split)
    return torch.tensor([position[truth[i]] for i in ids])
