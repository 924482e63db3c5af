"""Contributions as JARVIS-Leaderboard takes them.

JARVIS-Leaderboard (https://github.com/usnistgov/jarvis_leaderboard) wants a folder of predictions,
metadata.json and run.sh per contribution. Its reader, pandas, takes some valid predictions
otherwise than they are meant (`tests/scoring/test_upstream.py` has cases), so the CSVs are written
anew: the benchmark's ids, order and targets, plain classes.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jarvis_stem.formats.benchmark import Benchmarks
from jarvis_stem.formats.folder import contribution_folders
from jarvis_stem.formats.metadata import METADATA, blank
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName
from jarvis_stem.formats.predictions import write_predictions
from jarvis_stem.formats.run_record import RunRecord
from jarvis_stem.scoring.contribution import Contribution
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_json_object, write_bytes, write_text

RUN_SCRIPT = "run.sh"
_COMMAND = (".venv/bin/python", "-m", "jarvis_stem")
_AT_JARVIS = {Path("AI", "ImageClass", f"stem_2d_image_bravais_class{BENCHMARK_SUFFIX}")}


def export(
    contribution: Contribution, benchmarks: Benchmarks, jarvis: Path, name: str, repository_url: str
) -> None:
    """Write one contribution, whole or not at all; the same input gives the same bytes.

    Args:
        contribution: What to export.
        benchmarks: What it was checked against.
        jarvis: Folder with JARVIS-Leaderboard's ``contributions`` and ``benchmarks``.
        name: The contribution's name there.
        repository_url: Web address of the repository that it is part of.

    Raises:
        StemError: The contribution has problems, lacks what JARVIS-Leaderboard asks for, or is
            there already; or another benchmark of that name is there.
        OSError: It cannot be written.
    """
    if problems := _problems(contribution):
        raise StemError("\n".join(problems))
    target = jarvis / "contributions" / name
    if target.exists():
        raise StemError(f"{target} is there already; remove it, or choose a name with --prefix")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export.", dir=target.parent) as temporary:
        new = Path(temporary, name)
        for result, submission in zip(
            result_names(contribution), contribution.submissions, strict=True
        ):
            benchmark = benchmarks.open(result)
            split = benchmark.split(result.split)
            predicted = benchmark.named(submission.predictions)
            write_predictions(new, result, list(split), list(split.values()), predicted)
        write_text(new / METADATA, json_text(_metadata(contribution)))
        write_text(new / RUN_SCRIPT, _run_script(contribution, benchmarks, repository_url))
        (new / RUN_SCRIPT).chmod(0o755)
        for path in _new_benchmarks(result_names(contribution)):
            _copy(benchmarks.root / path, jarvis / "benchmarks" / path)
        new.rename(target)


def check_layout(jarvis: Path) -> None:
    """Refuse a folder that is neither new nor JARVIS-Leaderboard's.

    Raises:
        StemError: It is another one.
    """
    if jarvis.exists() and not jarvis.is_dir():
        raise StemError(f"{jarvis}: expected a folder")
    if jarvis.exists() and any(jarvis.iterdir()) and not (jarvis / "contributions").is_dir():
        raise StemError(
            f"{jarvis}: neither empty nor with a folder contributions in it; name a new folder, or "
            "the folder jarvis_leaderboard inside a clone of JARVIS-Leaderboard"
        )


def choose_folders(root: Path, models: Sequence[str]) -> list[Path]:
    """The contributions asked for, each once; all where none is named."""
    known = {folder.name: folder for folder in contribution_folders(root)}
    for model in models:
        if model not in known:
            raise StemError(
                f"{root / model}: no such contribution; there are {', '.join(known) or 'none'}"
            )
    return [known[model] for model in sorted(set(models) or known)]


def only_on(contribution: Contribution, dataset: str | None) -> Contribution:
    """The contribution without its results on other benchmarks."""
    if dataset is None:
        return contribution
    kept = [s for s in contribution.submissions if s.name and s.name.dataset == dataset]
    return replace(contribution, submissions=kept)


def result_names(contribution: Contribution) -> list[ResultName]:
    """Names of a contribution's results."""
    return [submission.name for submission in contribution.submissions if submission.name]


def _problems(contribution: Contribution) -> list[str]:
    """Everything that keeps a contribution from being exported."""
    problems = [
        *contribution.missing_predictions,
        *contribution.name_problems,
        *contribution.file_notices,
        *contribution.metadata_problems,
        *(
            f"{submission.path.name}: {problem}"
            for submission in contribution.submissions
            for problem in [*submission.problems, *submission.notices, *submission.run_problems]
        ),
    ]
    if contribution.metadata and not contribution.metadata.author_email:
        problems.append(f"{METADATA}: JARVIS-Leaderboard wants an e-mail under 'author_email'")
    return problems


def _metadata(contribution: Contribution) -> dict[str, Any]:
    """The contribution's metadata, cut to JARVIS' keys and the files exported."""
    data = read_json_object(contribution.folder / METADATA)
    seconds = data["time_taken_seconds"]
    files = [name.predictions_name for name in result_names(contribution)]
    return {
        **{key: data[key] for key in blank()},
        "time_taken_seconds": {file: seconds.get(file, "") for file in files},
    }


def _run_script(contribution: Contribution, benchmarks: Benchmarks, repository_url: str) -> str:
    """A run.sh for people who have nothing of this repository yet."""
    address, _, branch = repository_url.partition("/tree/")
    clone = ["git", "clone", *(["--branch", branch] if branch else []), address]
    model = contribution.folder.name
    runs = []
    for name, submission in zip(result_names(contribution), contribution.submissions, strict=True):
        run = submission.run
        commit = f", made at commit {run.git_commit}" if run and run.git_commit else ""
        runs.append(f"# {name.predictions_name}{commit}")
        on = ["--benchmark", name.dataset]
        if benchmarks.open(name).sources:
            runs.append(shlex.join([*_COMMAND, "data", "fetch", *on]))
            runs.append(shlex.join([*_COMMAND, "predict", *on, "--contribution", model]))
        else:
            command = ["bash", f"contributions/{model}/run.sh", *on]
            runs.append(shlex.join(command + _run_options(run)))
    return "\n".join(
        [
            "#!/usr/bin/env bash",
            f"# Train {model} of {address} in a new folder.",
            "# It needs git, Python 3.11 or newer and a network.",
            "set -euo pipefail",
            "work=$(mktemp -d)",
            f'{shlex.join(clone)} "$work"',
            'cd "$work"',
            "source ./setup.sh",
            "install",
            *runs,
            f'echo "The predictions: $work/contributions/{model}"',
            "",
        ]
    )


def _run_options(run: RunRecord | None) -> list[str]:
    """Options that repeat a training run; those that name folders are of its machine alone."""
    if run is None:
        return []
    return ["--epochs", str(run.recipe.epochs), "--seed", str(run.seed)]


def _new_benchmarks(names: Sequence[ResultName]) -> list[Path]:
    """Benchmarks that JARVIS-Leaderboard has not, as paths below the folder of benchmarks."""
    return sorted({name.page_path(BENCHMARK_SUFFIX) for name in names} - _AT_JARVIS)


def _copy(source: Path, target: Path) -> None:
    content = source.read_bytes()
    if not target.exists():
        write_bytes(target, content)
    elif target.read_bytes() != content:
        raise StemError(f"{target}: differs from {source}; remove it, or leave out its results")


def notes_on(exported: Mapping[str, Sequence[ResultName]], benchmarks: Benchmarks) -> list[str]:
    """What is left to a person: names taken at JARVIS, and what a new benchmark asks for."""
    results = sorted({name for names in exported.values() for name in names})
    taken = {model for name in results for model in benchmarks.open(name).reference.published}
    return [
        *(
            f"JARVIS-Leaderboard has a {name} of its own; --prefix names yours otherwise"
            for name in exported
            if name in taken
        ),
        *(
            f"{path.name} is new to JARVIS-Leaderboard, which asks for more: a page "
            f"docs/{str(path).removesuffix(BENCHMARK_SUFFIX)}.md, a row in "
            "benchmarks/descriptions.csv and an article's DOI in benchmarks/benchmark_dois.json; "
            "--benchmark leaves it out"
            for path in _new_benchmarks(results)
        ),
    ]
