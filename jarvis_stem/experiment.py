"""One training run from a benchmark's ids to a contribution."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jarvis.core.atoms import Atoms

from jarvis_stem import cli, images, models, noise, record, structures, training, weights
from jarvis_stem.benchmark import Benchmark, ResultName
from jarvis_stem.errors import StemError
from jarvis_stem.files import json_text, read_json_object, write_text
from jarvis_stem.images import ImageSet
from jarvis_stem.metadata import METADATA, blank, parse_metadata, update_metadata
from jarvis_stem.metrics import accuracy, calibration_error
from jarvis_stem.predictions import write_predictions
from jarvis_stem.training import Epoch, Split

_VALIDATION_SHARE = 0.1
_MOST_COPIES = 1000  # keeps the seeds of one run's copies from those of another


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is asked for.

    Attributes:
        model: Name of the contribution, which has a model.py.
        benchmark: Its dataset.
        data: Folder of the JARVIS databases; see `structures.store_directory`.
        refresh: Download them anew.
        images: Folder of images to read instead of rendering.
        structures: Files to render instead of the databases' structures.
        epochs: The model's own if None.
        until: Accuracy on the validation part that ends the training.
        device: As torch names it, or ``auto``.
        pretrained: Start from weights learned elsewhere.
        resume: Go on from the last checkpoint, if there is one.
        benchmarks: Folder of all benchmarks.
        contributions: Folder of contribution folders.
        runs: Folder of checkpoints and learning curves.
        command: The command line, for the record.
    """

    model: str
    command: str
    benchmark: str = "stem_2d_image"
    data: str | None = None
    refresh: bool = False
    images: Path | None = None
    structures: Path | None = None
    epochs: int | None = None
    until: float | None = None
    seed: int = 0
    device: str = "auto"
    pretrained: bool = False
    resume: bool = False
    benchmarks: Path = Path("benchmarks")
    contributions: Path = Path("contributions")
    runs: Path = Path("runs")


@dataclass(frozen=True)
class Outcome:
    """What a run gave.

    Attributes:
        result: Accuracy and recall on the test split.
        costs: Time, memory, parameters.
        calibration: The temperature, and the calibration error with it.
        written: Files in the contribution's folder, the predictions first.
    """

    name: ResultName
    result: dict[str, Any]
    costs: dict[str, Any]
    calibration: dict[str, Any]
    written: list[Path]

    def text(self) -> str:
        """The outcome for a person."""
        result, costs = self.result, self.costs
        recall = "  ".join(f"{c}: {r:.3f}" for c, r in result["recall"].items())
        imaged = f"{result['accuracy_with_image']:.4f} on the {result['n_with_image']} imaged"
        return "\n".join(
            [
                f"accuracy {result['accuracy']:.4f} on {result['n']} test ids",
                f"         {imaged}",
                f"recall   {recall}",
                f"took     {costs['wall_seconds']:.0f} s, {costs['peak_memory_mb']} MB at the peak",
                f"wrote    {self.written[0]}",
            ]
        )

    def as_json(self) -> dict[str, Any]:
        """The outcome for a program."""
        return {
            "benchmark": str(self.name),
            **self.result,
            "costs": self.costs,
            "calibration": self.calibration,
            "written": [str(path) for path in self.written],
        }


def run(options: Options) -> Outcome:
    """Train, predict the test split once, and write predictions, record and metadata.

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

    learned_from = _images(options, benchmark, "train", recipe.noisy_copies)
    (test,) = _images(options, benchmark, name.split)
    train, validation = _part(learned_from, benchmark, options.seed)
    torch.manual_seed(options.seed)
    model = architecture.build(len(benchmark.classes), options.pretrained)
    history_here = record.HistoryWriter(run_folder)
    history, logits = training.fit(
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
            "images": len(learned_from[0].ids),
            "seed": options.seed,
            "pretrained": options.pretrained,
            **asdict(recipe),
        },
        resume=options.resume,
        until=options.until,
        on_epoch=history_here.write,
    )
    history_here.draw(history)
    temperature = training.calibrate(logits, validation.classes)
    stored = _store(model, folder / name.weights_name, temperature)
    probabilities = training.predict(model, torch.from_numpy(test.images), temperature=temperature)
    predicted = _classes(probabilities, test, benchmark, name.split)
    result = _evaluate(benchmark.split(name.split), predicted, set(test.ids))
    calibration = {
        "temperature": temperature,
        "validation_error": _calibration_error(
            training.probabilities(logits, temperature), validation.classes
        ),
        "error": _calibration_error(probabilities, _positions_of(test, benchmark, name.split)),
    }
    n_earlier = len(history) - history_here.n_written
    earlier = history[:n_earlier]  # in the processes that this one resumed
    wall = time.perf_counter() - start + sum(e.seconds for e in earlier)
    cpu = time.process_time() - cpu_start + sum(e.cpu_seconds for e in earlier)
    costs = {
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_memory_mb": record.peak_memory_mb(),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    run_record = {
        **environment,
        "command": options.command,
        "seed": options.seed,
        "pretrained": options.pretrained,
        "recipe": asdict(recipe),
        "costs": costs,
        "chosen_epoch": training.best_epoch(history).epoch,
        "result": result,
        "calibration": calibration,
        **({"weights": stored} if stored else {}),
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
        missing_structures=len(test.missing),
        software_used=",".join(record.PACKAGES),
        hardware_used=record.hardware(device),
    )
    files = [name.predictions_name, name.run_record_name, METADATA]
    if stored:
        files.append(name.weights_name)
    return Outcome(name, result, costs, calibration, [folder / file for file in files])


def _refuse_broken_metadata(folder: Path) -> None:
    path = folder / METADATA
    if path.exists():
        _, problems = parse_metadata({**blank(), **read_json_object(path)})
        if problems:
            raise StemError(f"{path}: {'; '.join(problems)}")


def _images(
    options: Options, benchmark: Benchmark, split: str, noisy_copies: int = 0
) -> list[ImageSet]:
    """Clean images of a split, then noisy copies; ids without one are counted and listed."""
    ids = benchmark.split(split)
    if options.images:
        if noisy_copies:
            raise StemError("--images: this model also learns from noisy drawings of structures")
        sets = [images.read_folder(options.images, ids, benchmark.classes)]
    else:
        sources = _structures(options, ids, refresh=options.refresh and split == "train")
        have = [i for i in ids if i in sources]
        sets = [images.render(sources, list(ids))]
        for copy in range(noisy_copies):
            seed = options.seed * _MOST_COPIES + copy
            drawn = noise.draw(len(have), seed=seed)
            sets.append(images.render(sources, have, drawn, seed=seed))
    if missing := sets[0].missing:
        listing = options.runs / f"missing-{options.benchmark}-{split}.txt"
        write_text(listing, "\n".join(missing) + "\n")
        cli.note(f"{split}: no image for {len(missing)} of {len(ids)} ids, listed in {listing}")
    if not sets[0].ids:
        raise StemError(f"none of the {len(ids)} {split} ids of {benchmark.path} has an image")
    return sets


def _structures(
    options: Options, ids: Mapping[str, int | str], *, refresh: bool
) -> Mapping[str, Atoms]:
    if options.structures:
        return structures.read_files(options.structures)
    return structures.for_dataset(options.benchmark, ids, data=options.data, refresh=refresh)


def _part(sets: Sequence[ImageSet], benchmark: Benchmark, seed: int) -> tuple[Split, Split]:
    """Part the training ids, class by class, into those to learn from and those to choose by.

    All copies of an image go with it.
    """
    # Imported here, for it takes seconds and bad input is refused before.
    from sklearn.model_selection import train_test_split

    classes = _positions_of(sets[0], benchmark, "train")
    try:
        parts = train_test_split(
            np.arange(len(classes)),
            test_size=_VALIDATION_SHARE,
            random_state=seed,
            stratify=classes,
        )
    except ValueError as error:
        raise StemError(f"too few training images to part them by class ({error})") from None
    learn, choose = (
        Split(
            torch.from_numpy(np.concatenate([one.images[part] for one in sets])),
            classes[part].repeat(len(sets)),
            drawings=len(sets),
        )
        for part in parts
    )
    return learn, choose


def _positions_of(found: ImageSet, benchmark: Benchmark, split: str) -> torch.Tensor:
    """Classes of the imaged ids as positions in the benchmark's list of classes, int64[N]."""
    position = {c: n for n, c in enumerate(benchmark.classes)}
    truth = benchmark.split(split)
    return torch.tensor([position[truth[i]] for i in found.ids])


def _store(model: torch.nn.Module, path: Path, temperature: float) -> dict[str, Any] | None:
    """Store the weights and take them back as stored, so that what is predicted is theirs."""
    try:
        stored = weights.save(path, model, temperature=temperature)
    except StemError as error:
        path.unlink(missing_ok=True)  # those of an earlier run would not be this one's
        cli.note(f"weights not stored: {error}")
        return None
    weights.load(path, model, sha256=stored["sha256"])
    return stored


def _classes(
    probabilities: torch.Tensor, found: ImageSet, benchmark: Benchmark, split: str
) -> list[int | str]:
    """Classes of all ids in benchmark order; an id without image gets the commonest class."""
    likeliest = probabilities.argmax(dim=1).tolist()
    predicted = {i: benchmark.classes[n] for i, n in zip(found.ids, likeliest, strict=True)}
    commonest = Counter(benchmark.split("train").values()).most_common(1)[0][0]
    return [predicted.get(i, commonest) for i in benchmark.split(split)]


def _calibration_error(probabilities: torch.Tensor, classes: torch.Tensor) -> float:
    confidence, likeliest = probabilities.max(dim=1)
    error = calibration_error(confidence.numpy(), (likeliest == classes).numpy())
    return round(error, 4)


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
