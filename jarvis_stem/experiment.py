"""One training run from a benchmark's ids to a contribution."""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jarvis_stem import images, models, record, structures, training
from jarvis_stem.benchmark import Benchmark, ResultName
from jarvis_stem.errors import StemError
from jarvis_stem.files import json_text, read_json_object, write_text
from jarvis_stem.images import ImageSet
from jarvis_stem.metadata import METADATA, blank, parse_metadata, update_metadata
from jarvis_stem.metrics import accuracy
from jarvis_stem.predictions import write_predictions
from jarvis_stem.training import Epoch, Split

_VALIDATION_SHARE = 0.1


def run(options: argparse.Namespace) -> None:
    """Train, predict the test split once, and write predictions, record and metadata.

    Args:
        options: As `jarvis_stem.train` parses them.

    Raises:
        StemError: Anything about the input that the user can mend.
        OSError: Something cannot be written.
    """
    start, cpu_start = time.perf_counter(), time.process_time()
    folder = options.contributions / options.model
    architecture = models.load(folder)
    recipe = architecture.recipe
    if options.epochs:
        recipe = replace(recipe, epochs=options.epochs)
    name = ResultName("AI", "ImageClass", "bravais_class", options.benchmark, "test", "acc")
    benchmark = Benchmark.read(options.benchmarks, name)
    device = training.choose_device(options.device)
    environment = record.environment(device)  # now: the checkout may move on while it trains
    _refuse_broken_metadata(folder)  # better now than after training
    run_folder = options.runs / architecture.name / name.benchmark_name

    sets = {split: _images(options, benchmark, split) for split in ("train", name.split)}
    train, validation = _part(sets["train"], benchmark, options.seed)
    torch.manual_seed(options.seed)
    model = architecture.build(len(benchmark.classes), options.pretrained)
    fit_start, cpu_fit_start = time.perf_counter(), time.process_time()
    history = training.fit(
        model,
        train,
        validation,
        recipe,
        seed=options.seed,
        device=device,
        checkpoint=run_folder / "checkpoint.pt",
        identity={
            "model": architecture.name,
            "model.py": architecture.digest,
            "benchmark": str(name),
            "images": len(sets["train"].ids),
            "seed": options.seed,
            "pretrained": options.pretrained,
            **asdict(recipe),
        },
        resume=options.resume,
        on_epoch=lambda history: record.write_history(run_folder, history),
    )
    # A resumed run has trained in several processes; its history knows the time of all of them.
    start += time.perf_counter() - fit_start - sum(e.seconds for e in history)
    cpu_start += time.process_time() - cpu_fit_start - sum(e.cpu_seconds for e in history)

    predicted = _predict(model, sets[name.split], benchmark, name.split)
    result = _evaluate(benchmark.split(name.split), predicted, set(sets[name.split].ids))
    costs = {
        "wall_seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu_start, 1),
        "peak_memory_mb": record.peak_memory_mb(),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    run_record = {
        **environment,
        "seed": options.seed,
        "pretrained": options.pretrained,
        "recipe": asdict(recipe),
        "costs": costs,
        "chosen_epoch": training.best_epoch(history).epoch,
        "result": result,
        "history": [_rounded(epoch) for epoch in history],
    }
    truth = benchmark.split(name.split)
    write_predictions(folder, name, list(truth), list(truth.values()), predicted)
    write_text(folder / name.run_record_name, json_text(run_record))
    update_metadata(
        folder,
        name,
        date=datetime.date.today(),
        seconds=round(costs["wall_seconds"]),
        missing_structures=len(sets[name.split].missing),
        software_used=",".join(record.PACKAGES),
        hardware_used=record.hardware(device),
    )
    _report(folder, name, result, costs)


def _refuse_broken_metadata(folder: Path) -> None:
    path = folder / METADATA
    if path.exists():
        _, problems = parse_metadata({**blank(), **read_json_object(path)})
        if problems:
            raise StemError(f"{path}: {'; '.join(problems)}")


def _images(options: argparse.Namespace, benchmark: Benchmark, split: str) -> ImageSet:
    """Images of a split; its ids without one are counted and listed."""
    ids = benchmark.split(split)
    if options.images:
        found = images.read_folder(options.images, ids, benchmark.classes)
    elif options.structures:
        found = images.render(structures.read_files(options.structures), list(ids))
    else:
        refresh = options.refresh and split == "train"
        sources = structures.for_dataset(options.benchmark, ids, data=options.data, refresh=refresh)
        found = images.render(sources, list(ids))
    if found.missing:
        listing = options.runs / f"missing-{options.benchmark}-{split}.txt"
        write_text(listing, "\n".join(found.missing) + "\n")
        _tell(f"{split}: no image for {len(found.missing)} of {len(ids)} ids, listed in {listing}")
    if not found.ids:
        raise StemError(f"none of the {len(ids)} {split} ids of {benchmark.path} has an image")
    return found


def _part(found: ImageSet, benchmark: Benchmark, seed: int) -> tuple[Split, Split]:
    """Part the training images, class by class, into one to learn from and one to choose by."""
    # Imported here, for it takes seconds and bad input is refused before.
    from sklearn.model_selection import train_test_split

    truth, position = benchmark.split("train"), _positions(benchmark)
    classes = np.array([position[truth[i]] for i in found.ids])
    try:
        learn, choose = train_test_split(
            np.arange(len(classes)),
            test_size=_VALIDATION_SHARE,
            random_state=seed,
            stratify=classes,
        )
    except ValueError as error:
        raise StemError(f"too few training images to part them by class ({error})") from None
    return _take(found.images, classes, learn), _take(found.images, classes, choose)


def _take(pixels: NDArray[np.uint8], classes: NDArray[np.int64], part: NDArray[np.int64]) -> Split:
    return Split(torch.from_numpy(pixels[part]), torch.from_numpy(classes[part]))


def _positions(benchmark: Benchmark) -> dict[int | str, int]:
    return {c: n for n, c in enumerate(benchmark.classes)}


def _predict(
    model: torch.nn.Module, found: ImageSet, benchmark: Benchmark, split: str
) -> list[int | str]:
    """Classes of all ids in benchmark order; an id without image gets the commonest class."""
    indices = training.predict(model, torch.from_numpy(found.images)).argmax(dim=1).tolist()
    predicted = {i: benchmark.classes[n] for i, n in zip(found.ids, indices, strict=True)}
    commonest = Counter(benchmark.split("train").values()).most_common(1)[0][0]
    return [predicted.get(i, commonest) for i in benchmark.split(split)]


def _evaluate(
    truth: Mapping[str, int | str], predicted: list[int | str], with_image: set[str]
) -> dict[str, Any]:
    rows = list(zip(truth, truth.values(), predicted, strict=True))
    covered = [(t, p) for i, t, p in rows if i in with_image]
    recall = {}
    for c in sorted(set(truth.values()), key=str):
        of_class = [(t, p) for _, t, p in rows if t == c]
        recall[str(c)] = _accuracy(of_class)
    return {
        "accuracy": _accuracy([(t, p) for _, t, p in rows]),
        "n": len(rows),
        "accuracy_with_image": _accuracy(covered),
        "n_with_image": len(covered),
        "recall": recall,
    }


def _accuracy(pairs: list[tuple[int | str, int | str]]) -> float:
    return accuracy([t for t, _ in pairs], [p for _, p in pairs])


def _rounded(epoch: Epoch) -> dict[str, float]:
    return {key: type(value)(f"{value:.6g}") for key, value in asdict(epoch).items()}


def _report(folder: Path, name: ResultName, result: dict[str, Any], costs: dict[str, Any]) -> None:
    recall = "  ".join(f"{c}: {r:.3f}" for c, r in result["recall"].items())
    print(f"accuracy {result['accuracy']:.4f} on {result['n']} test ids")
    print(f"         {result['accuracy_with_image']:.4f} on the {result['n_with_image']} imaged")
    print(f"recall   {recall}")
    print(f"took     {costs['wall_seconds']:.0f} s, {costs['peak_memory_mb']} MB at the peak")
    print(f"wrote    {folder / name.predictions_name}")


def _tell(message: str) -> None:
    print(message, file=sys.stderr)
