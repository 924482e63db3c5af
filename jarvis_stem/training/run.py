"""One training run from a benchmark's ids to a contribution."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import METADATA, blank, parse_metadata, update_metadata
from jarvis_stem.formats.names import ResultName, bravais_result
from jarvis_stem.formats.predictions import write_predictions
from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.imaging.image_set import ImageSource
from jarvis_stem.prediction.stored_model import DESCRIBED, StoredModel
from jarvis_stem.scoring.metrics import accuracy, calibration_error
from jarvis_stem.training import inference, loop, machine, ranks, stored_weights
from jarvis_stem.training.architecture import (
    Architecture,
    Describing,
    Recipe,
    blamed,
    check_logits,
    load,
)
from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.training.dataset import (
    Options,
    find_structures,
    image_sources,
    open_cache,
    part,
    positions_of,
)
from jarvis_stem.training.history import HistoryWriter
from jarvis_stem.training.replaced import Replaced
from jarvis_stem.training.storing import store
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_json_object, together, write_bytes, write_text


@dataclass(frozen=True)
class RunSummary:
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


@dataclass(frozen=True)
class _Task:
    """What is known before an image is drawn."""

    options: Options
    name: ResultName
    benchmark: Benchmark
    architecture: Architecture
    recipe: Recipe
    device: torch.device
    environment: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The contribution's folder."""
        return self.options.contributions / self.options.model

    @property
    def runs(self) -> Path:
        """Folder of the checkpoint and the learning curve."""
        return self.options.runs / self.architecture.name / self.name.benchmark_name


@dataclass(frozen=True)
class _Trained:
    """What the training part gave.

    Attributes:
        model: At its best epoch.
        history: All epochs.
        earlier: Those of them that were run in processes that this one resumed.
        temperature: What the model's logits are divided by.
        validation_error: Calibration error with it on the validation part.
        stored: What the record says of what is stored; see `storing.store`.
    """

    model: torch.nn.Module
    history: list[Epoch]
    earlier: list[Epoch]
    temperature: float
    validation_error: float
    stored: dict[str, Any]


@dataclass(frozen=True)
class _Tested:
    """What the test split gave.

    Attributes:
        predicted: Classes of all ids, in benchmark order.
        result: Accuracy and recall.
        error: Calibration error on the ids with an image.
        n_missing: Ids without an image.
    """

    predicted: list[int | str]
    result: dict[str, Any]
    error: float
    n_missing: int


def run(options: Options) -> RunSummary | None:
    """Train, predict the test split once, and write predictions, record and metadata.

    Of several processes under torchrun the first one writes; see `ranks`.

    Args:
        options: What the run is asked for.

    Returns:
        What it gave, all of it written; None in the other processes.

    Raises:
        StemError: Anything about the input that the user can mend.
        OSError: Something cannot be written.
    """
    with ranks.joined():
        return _run(options, ranks.device_of(inference.choose_device(options.device)))


def _run(options: Options, device: torch.device) -> RunSummary | None:
    start, cpu_start = time.perf_counter(), time.process_time()
    task = _prepare(options, device)
    replaced = Replaced.find(task.folder, task.name, task.benchmark)
    if replaced:
        terminal.note(replaced.warning(task.runs))
    splits = ("train", task.name.split)
    cache = open_cache(options)
    structures = find_structures(options, task.benchmark, splits, cache)
    learned = image_sources(options, task.benchmark, "train", structures, task.recipe.noisy_copies)
    parts = part(learned, cache, task.benchmark, options.seed)
    (test,) = image_sources(options, task.benchmark, task.name.split, structures)
    images = DescribedImages([test], cache)
    with HistoryWriter(task.runs) as writer, blamed(task.architecture.path):
        trained = _train(task, writer, *parts)
        images.prepare(inference.parts_of(trained.model), ranks.in_turn)
        (cpu,) = ranks.totals([time.process_time() - cpu_start], device)
        if ranks.rank() > 0:
            return None
        cpu_start = time.process_time()
        tested = _test(task, trained, test, images)
    cache.trim()
    wall = time.perf_counter() - start + sum(e.seconds for e in trained.earlier)
    cpu += time.process_time() - cpu_start + sum(e.cpu_seconds for e in trained.earlier)
    costs = {
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_memory_mb": machine.peak_memory_mb(),
        "parameters": sum(p.numel() for p in trained.model.parameters()),
    }
    kept = replaced.keep(task.runs) if replaced else None
    summary = _write(task, trained, tested, costs)
    if replaced and kept:
        terminal.note(replaced.told(tested.predicted, kept))
    return summary


def _prepare(options: Options, device: torch.device) -> _Task:
    """Refuse what can be refused before anything takes time."""
    folder = options.contributions / options.model
    architecture = load(folder)
    recipe = architecture.recipe
    if options.epochs:
        recipe = replace(recipe, epochs=options.epochs)
    name = bravais_result(options.benchmark)
    benchmark = Benchmark.read(options.benchmarks, name)
    # Now: the checkout may move on while it trains.
    environment = {**machine.environment(device), "processes": ranks.count()}
    _refuse_broken_metadata(folder)
    return _Task(options, name, benchmark, architecture, recipe, device, environment)


def _train(
    task: _Task, writer: HistoryWriter, train: loop.Split, validation: loop.Split
) -> _Trained:
    """Build the model and train it."""
    torch.manual_seed(task.options.seed)
    path, classes = task.architecture.path, len(task.benchmark.classes)
    with blamed(path, wholly=True):
        model = task.architecture.build(classes)
    # Not only in the steps: threads that have nothing to share out wait for each other, too.
    with inference.suited_threads(model):
        check_logits(model, partial(_some_logits, images=validation.images), classes, path)
        return _learn(task, writer, model, train, validation)


def _learn(
    task: _Task,
    writer: HistoryWriter,
    model: torch.nn.Module,
    train: loop.Split,
    validation: loop.Split,
) -> _Trained:
    """Fit the model, calibrate it and store it."""
    options = task.options
    history, logits = loop.fit(
        model,
        train,
        validation,
        task.recipe,
        seed=options.seed,
        device=task.device,
        checkpoint=task.runs / "checkpoint.pt",
        identity={
            "model": task.architecture.name,
            "model.py": task.architecture.digest,
            "benchmark": str(task.name),
            "images": train.n_structures + validation.n_structures,
            "seed": options.seed,
            **({"processes": ranks.count()} if ranks.count() > 1 else {}),
            **asdict(task.recipe),
        },
        resume=options.resume,
        until=options.until,
        on_epoch=writer.write,
    )
    writer.finish()
    temperature = inference.calibrate(logits, validation.classes)
    stored = {}
    if ranks.rank() == 0:
        stored = store(task.runs, task.name, model, task.benchmark.classes, temperature)
    error = _calibration_error(inference.probabilities(logits, temperature), validation.classes)
    earlier = history[: len(history) - writer.n_written]
    return _Trained(model, history, earlier, temperature, error, stored)


def _some_logits(model: torch.nn.Module, images: DescribedImages) -> torch.Tensor:
    """Its logits for two images: of made-up descriptions, unless it describes images itself."""
    if isinstance(model, Describing):
        return inference.predict_logits(model, torch.from_numpy(images.drawn(2)))[0]
    made_up = inference.examples_for(inference.reads_of(model), 2)
    return inference.logits_of_batch(model.eval(), made_up, next(model.parameters()).device)


def _test(task: _Task, trained: _Trained, test: ImageSource, images: DescribedImages) -> _Tested:
    """Predict the test split, once, and compare."""
    benchmark, split = task.benchmark, task.name.split
    probabilities = _probabilities(task, trained, images)
    predicted = _classes(probabilities, test.ids, benchmark, split)
    result = _evaluate(benchmark.split(split), predicted, set(test.ids))
    error = _calibration_error(probabilities, positions_of(test.ids, benchmark, split))
    return _Tested(predicted, result, error, len(test.missing))


def _write(task: _Task, trained: _Trained, tested: _Tested, costs: dict[str, Any]) -> RunSummary:
    """Write weights, predictions, record and metadata, together."""
    folder, name = task.folder, task.name
    calibration = {
        "temperature": trained.temperature,
        "validation_error": trained.validation_error,
        "error": tested.error,
    }
    record = {
        **task.environment,
        "command": task.options.command,
        "seed": task.options.seed,
        "recipe": asdict(task.recipe),
        "costs": costs,
        "chosen_epoch": loop.best_epoch(trained.history).epoch,
        "result": tested.result,
        "calibration": calibration,
        **trained.stored,
        "history": [_rounded(epoch) for epoch in trained.history],
    }
    truth = task.benchmark.split(name.split)
    names = {"model": name.model_name, "weights": name.weights_name}
    with together():
        for kind in trained.stored:
            write_bytes(folder / names[kind], (task.runs / names[kind]).read_bytes())
        write_predictions(folder, name, list(truth), list(truth.values()), tested.predicted)
        write_text(folder / name.run_record_name, json_text(record))
        update_metadata(
            folder,
            name,
            date=datetime.date.today(),
            seconds=round(costs["wall_seconds"]),
            missing_structures=tested.n_missing,
            software_used=",".join(machine.PACKAGES),
            hardware_used=task.environment["hardware"],
        )
    for kind in names.keys() - trained.stored.keys():  # that of an earlier run is not this one's
        (folder / names[kind]).unlink(missing_ok=True)
    files = [name.predictions_name, name.run_record_name, METADATA]
    files += [names[kind] for kind in trained.stored]
    return RunSummary(name, tested.result, costs, calibration, [folder / file for file in files])


def _refuse_broken_metadata(folder: Path) -> None:
    path = folder / METADATA
    if path.exists():
        _, problems = parse_metadata({**blank(), **read_json_object(path)})
        if problems:
            raise StemError(f"{path}: {'; '.join(problems)}")


def _probabilities(task: _Task, trained: _Trained, test: DescribedImages) -> torch.Tensor:
    """Of what is stored, as it is stored, so that what is predicted is its word."""
    if model := trained.stored.get("model"):
        stored = StoredModel.load(task.runs / task.name.model_name, model["sha256"])
        descriptions = test.descriptions(stored.graph.reads, DESCRIBED)
        return torch.from_numpy(
            np.concatenate([stored.probabilities_of(*both) for both in descriptions])
        )
    if weights := trained.stored.get("weights"):
        path = task.runs / task.name.weights_name
        stored_weights.load(path, trained.model, sha256=weights["sha256"])
    return inference.predict(trained.model, test, temperature=trained.temperature)


def _classes(
    probabilities: torch.Tensor, ids: Sequence[str], benchmark: Benchmark, split: str
) -> list[int | str]:
    """Classes of all ids in benchmark order; an id without image gets the majority class."""
    likeliest = probabilities.argmax(dim=1).tolist()
    predicted = {i: benchmark.classes[n] for i, n in zip(ids, likeliest, strict=True)}
    majority = benchmark.majority_class
    return [predicted.get(i, majority) for i in benchmark.split(split)]


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
