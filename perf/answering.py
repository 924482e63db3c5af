"""Measure answers for pictures against an earlier build, by turns, and compare what they say.

python perf/answering.py --before DIR
python perf/answering.py --before DIR --pictures ../shared/real_images

Cold is a new process of ``jarvis-stem predict`` for one picture: its processor time and its largest
memory. Warm is one image's probabilities, answer what is said of it as a picture, many and answers
are these of all at once, in a process that has answered before. Then both builds answer for
drawings of built-in structures: the largest difference between their lattices. The models of the
two were trained apart; `torch_answers.py` compares this build's probabilities with torch's.

With --pictures it is the command for a folder instead, from start to exit: of all pictures found
below that one which both builds answer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import builds
import measuring
import numpy as np
from builds import Build
from scale import cpu_name

from jarvis_stem import cli
from jarvis_stem.utils.errors import StemError

_MODELS = ("lattice_model", "lattice_cnn_model", "resnet_model", "densenet_model")
_WORK = """\
import inspect, json, sys, time
from pathlib import Path
import numpy as np
try:  # an earlier build, which computes in half precision where the processor has it
    from jarvis_stem.training import inference
    inference.computes_bfloat16 = lambda device: False
except ImportError:
    pass
from jarvis_stem import load_model, predict

images = np.load(sys.argv[1])
name, target = sys.argv[2:]
model = load_model(name, contributions=Path("contributions"))
predict(images[:2], 0.2, model)

def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

model.predict_proba(images)
warm = sorted(seconds(lambda: model.predict_proba(image[None])) for image in images[:20])[10]
many = seconds(lambda: model.predict_proba(images))
answer = sorted(seconds(lambda: predict(image, 0.2, model)) for image in images[:20])[10]
answers = seconds(lambda: predict(images, 0.2, model))
exact = {"distortion": 0} if "distortion" in inspect.signature(predict).parameters else {}
drawn = predict(images, 0.2, model, **exact)
lattices = [[a.lattice.a, a.lattice.b] if a.lattice else [0, 0] for a in drawn]
np.save(target, np.array(lattices, float))
rates = {"many": len(images) / many, "answers": len(images) / answers}
print(json.dumps({"warm": warm, "answer": answer, **rates}))
"""


# In a process of its own: Linux counts the memory of a parent to a child's peak.
_DRAW = """\
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from jarvis_stem.imaging import prototypes, stem
folder, count = Path(sys.argv[1]), int(sys.argv[2])
known = list(prototypes.structures().values())
chosen = known[:: max(len(known) // count, 1)][:count]
images = stem.to_uint8(stem.simulate(chosen))
np.save(folder / "images.npy", images)
Image.fromarray(images[0]).save(folder / "picture.png")
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", required=True, metavar="DIR", help="an earlier checkout")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--images", type=int, default=500, metavar="N")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="a folder of pictures")
    options = parser.parse_args(arguments)
    both = builds.builds(options.before)
    print(f"{cpu_name()}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="perf-answering-") as name:
        folder = Path(name)
        if options.pictures:
            _print_folder(both, options.pictures, folder, options.rounds)
            return 0
        command = (sys.executable, "-c", _DRAW, folder, str(options.images))
        subprocess.run(command, check=True, cwd=measuring.ROOT)
        _print_cold(both, folder / "picture.png", options.rounds)
        for model in _MODELS:
            _print_model(both, model, folder, options.rounds)
    return 0


def _print_cold(both: Mapping[str, Build], picture: Path, rounds: int) -> None:
    for build in both.values():
        _cold(build, picture)  # in which an earlier build may compile kernels
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in both}
    for _ in range(rounds):
        for name, build in both.items():
            taken[name].append(_cold(build, picture))
    medians = {name: np.median(found, axis=0) for name, found in taken.items()}
    for n, (what, unit) in enumerate((("processor time", "s"), ("memory", "MB"))):
        _print_pair(
            f"cold {what}", unit, *(medians[name][n] for name in (builds.NOW, builds.BEFORE))
        )


def _cold(build: Build, picture: Path) -> tuple[float, float]:
    """Processor seconds and megabytes of one process."""
    command = ("-m", "jarvis_stem", "predict", picture, "--pixel-size", "0.2", "--json")
    with subprocess.Popen(
        [build.python, *command],
        cwd=build.root,
        env=build.environment(),
        stdout=subprocess.DEVNULL,
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise StemError(f"{build.root}: no answer")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _print_folder(both: Mapping[str, Build], source: Path, folder: Path, rounds: int) -> None:
    for n, path in enumerate(sorted(source.rglob("*"))):
        if path.is_file():
            shutil.copyfile(path, folder / f"{n:03} {path.name}")
    answered = [_answered(build, folder) for build in both.values()]
    for path in folder.iterdir():
        if not all(str(path) in names for names in answered):
            path.unlink()
    taken: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(rounds):
        for name, build in both.items():
            run = build.run("-m", "jarvis_stem", "predict", folder, "--json")
            taken[name].append(run.seconds)
    count = len(list(folder.iterdir()))
    medians = [statistics.median(taken[name]) for name in (builds.NOW, builds.BEFORE)]
    _print_pair(f"a folder of {count} pictures", "s", *medians)


def _answered(build: Build, folder: Path) -> set[str]:
    """The files of a folder for which a build has an answer."""
    done = subprocess.run(
        (build.python, "-m", "jarvis_stem", "predict", folder, "--json"),
        cwd=build.root,
        env=build.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return {one["input"] for one in json.loads(done.stdout) if not one["error"]}


def _print_model(both: Mapping[str, Build], model: str, folder: Path, rounds: int) -> None:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in both}
    for _ in range(max(rounds // 2, 1)):
        for name, build in both.items():
            target = folder / f"{model}-{name}.npy"
            done = build.run("-c", _WORK, folder / "images.npy", model, target)
            found[name].append(json.loads(done.output))
    units = {"warm": "s", "answer": "s", "many": "images a second", "answers": "pictures a second"}
    for what, unit in units.items():
        values = [
            statistics.median(one[what] for one in found[name])
            for name in (builds.NOW, builds.BEFORE)
        ]
        _print_pair(f"{model}: {what}", unit, *values)
    now, before = (np.load(folder / f"{model}-{name}.npy") for name in (builds.NOW, builds.BEFORE))
    lattices = np.abs(now - before).max(axis=1)
    print(
        f"{model}: of {len(lattices)} drawings lengths differ by {lattices.max():.1e} Å at most, "
        f"{np.mean(lattices < 1e-6):.1%} by less than 1e-6 Å"
    )


def _print_pair(what: str, unit: str, now: float, before: float) -> None:
    print(
        f"{what}: {now:.3g} {unit} now, {before:.3g} before: {now / before:.2f} times", flush=True
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
