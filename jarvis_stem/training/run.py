"""One training run from a benchmark's ids to a contribution."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import METADATA, blank, parse_metadata, update_metadata
from jarvis_stem.formats.names import ResultName, bravais_result
from jarvis_stem.formats.predictions import write_predictions
from jarvis_stem.imaging.image_set import ImageSet
from jarvis_stem.scoring.metrics import accuracy, calibration_error
from jarvis_stem.training import inference, loop, machine, stored_weights
from jarvis_stem.training.architecture import load
from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.training.dataset import Options, load_images, part, positions_of
from jarvis_stem.training.history import HistoryWriter
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_json_object, write_text


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
    architecture = load(folder)
    recipe = architecture.recipe
    if options.epochs:
        recipe = replace(recipe, epochs=options.epochs)
    name = bravais_result(options.benchmark)
    benchmark = Benchmark.read(options.benchmarks, name)
    device = inference.choose_device(options.device)
    environment = machine.environment(device)  # now: the checkout may move on while it trains
    _refuse_broken_metadata(folder)  # better now than after training
    run_folder = options.runs / architecture.name / name.benchmark_name

    learned_from = load_images(options, benchmark, "train", recipe.noisy_copies)
    (test,) = load_images(options, benchmark, name.split)
    train, validation = part(learned_from, benchmark, options.seed)
    torch.manual_seed(options.seed)
    model = architecture.build(len(benchmark.classes), options.pretrained)
    history_here = HistoryWriter(run_folder)
    history, logits = loop.fit(
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
    temperature = inference.calibrate(logits, validation.classes)
    stored = _store(model, folder / name.weights_name, temperature)
    probabilities = inference.predict(model, torch.from_numpy(test.images), temperature=temperature)
    predicted = _classes(probabilities, test, benchmark, name.split)
    result = _evaluate(benchmark.split(name.split), predicted, set(test.ids))
    calibration = {
        "temperature": temperature,
        "validation_error": _calibration_error(
            inference.probabilities(logits, temperature), validation.classes
        ),
        "error": _calibration_error(probabilities, positions_of(test, benchmark, name.split)),
    }
    n_earlier = len(history) - history_here.n_written
    earlier = history[:n_earlier]  # in the processes that this one resumed
    wall = time.perf_counter() - start + sum(e.seconds for e in earlier)
    cpu = time.process_time() - cpu_start + sum(e.cpu_seconds for e in earlier)
    costs = {
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_memory_mb": machine.peak_memory_mb(),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    run_record = {
        **environment,
        "command": options.command,
        "seed": options.seed,
        "pretrained": options.pretrained,
        "recipe": asdict(recipe),
        "costs": costs,
        "chosen_epoch": loop.best_epoch(history).epoch,
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
        software_used=",".join(machine.PACKAGES),
        hardware_used=machine.hardware(device),
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


def _store(model: torch.nn.Module, path: Path, temperature: float) -> dict[str, Any] | None:
    """Store the weights and take them back as stored, so that what is predicted is theirs."""
    try:
        stored = stored_weights.save(path, model, temperature=temperature)
    except StemError as error:
        path.unlink(missing_ok=True)  # those of an earlier run would not be this one's
        terminal.note(f"weights not stored: {error}")
        return None
    stored_weights.load(path, model, sha256=stored["sha256"])
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
