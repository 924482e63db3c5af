"""Export contributions as JARVIS-Leaderboard takes them: ``jarvis-stem export``.

JARVIS-Leaderboard (https://github.com/usnistgov/jarvis_leaderboard) wants a folder of predictions,
metadata.json and run.sh per contribution. Its reader, pandas, takes some valid predictions
otherwise than they are meant (`tests/test_upstream.py` has the cases), so the CSVs are written
anew: the benchmark's ids, order and targets, plain classes.
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from jarvis_stem import cli
from jarvis_stem.benchmark import BENCHMARK_SUFFIX, Benchmarks, ResultName
from jarvis_stem.contribution import Contribution, contribution_folders, read_contribution
from jarvis_stem.errors import StemError
from jarvis_stem.files import json_text, read_json_object, write_bytes, write_text
from jarvis_stem.metadata import METADATA, blank
from jarvis_stem.predictions import write_predictions
from jarvis_stem.project import Project
from jarvis_stem.reference import Reference
from jarvis_stem.run_record import RunRecord

RUN_SCRIPT = "run.sh"
_AT_JARVIS = {Path("AI", "ImageClass", f"stem_2d_image_bravais_class{BENCHMARK_SUFFIX}")}
_PREFIX = re.compile(r"[A-Za-z0-9_+-]*")
_EPILOG = """\
written below DIR, which is new, empty, or the folder jarvis_leaderboard of a clone of
JARVIS-Leaderboard:
  contributions/<model>/*.csv.zip      id, target, prediction in the benchmark's order
  contributions/<model>/metadata.json  JARVIS' keys only
  contributions/<model>/run.sh         clones this repository and trains the model
  benchmarks/<CAT>/<SUBCAT>/*.json.zip benchmarks that JARVIS-Leaderboard has not
In the clone, python jarvis_leaderboard/rebuild.py then scores it; pull requests go to its
branch develop.

exit status:
  0    everything asked for was exported
  1    something was not, and is named on stderr (the others are exported)
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem export --jarvis /tmp/jarvis
  jarvis-stem export --jarvis jarvis_leaderboard/jarvis_leaderboard \\
    --benchmark stem_2d_image --prefix my_team_ my_model
"""


def _prefix(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise click.BadParameter(f"expected letters, digits, '_', '+', '-', got {text!r}")
    return text


@click.command(cls=cli.Command, name="export", epilog=_EPILOG)
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=cli.complete_contribution)
@click.option(
    "--jarvis", type=cli.Folder(), required=True, metavar="DIR", help="Folder to write to."
)
@click.option(
    "--benchmark",
    metavar="DATASET",
    shell_complete=cli.complete_dataset,
    help="Only results on this one; default: all.",
)
@click.option(
    "--prefix",
    callback=_prefix,
    default="",
    metavar="TEXT",
    help="Put before the contributions' names in DIR.",
)
@cli.folder_option("contributions", "Folder of contribution folders.")
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@cli.json_option
@cli.quiet_option
def main(
    models: tuple[str, ...],
    jarvis: Path,
    benchmark: str | None,
    prefix: str,
    contributions: Path,
    benchmarks: Path,
) -> int:
    """Export contributions as JARVIS-Leaderboard takes them.

    MODEL is a contribution's name; all are exported where none is named.
    """
    _check_layout(jarvis)
    project = Project.read(Path("metadata.json"))
    known = Benchmarks(benchmarks, project.benchmarks)
    exported: dict[str, list[ResultName]] = {}  # by name in DIR
    failed: dict[str, list[str]] = {}
    for folder in _folders(contributions, models):
        contribution = _only_on(read_contribution(folder, known), benchmark)
        if not contribution.submissions and not models:
            continue
        name = prefix + folder.name
        try:
            export(contribution, known, jarvis, name, project.repository_url)
        except StemError as error:
            failed[folder.name] = str(error).splitlines()
            continue
        exported[name] = _names(contribution)
    if not exported and not failed:
        raise StemError(f"{contributions}: nothing to export")
    for name, problems in failed.items():
        for problem in problems:
            print(f"not exported: {name}: {problem}", file=sys.stderr)
    written = {str(jarvis / "contributions" / name): names for name, names in exported.items()}
    notes = _notes(exported, known)
    cli.report(
        "\n".join(f"{folder}: {', '.join(map(str, names))}" for folder, names in written.items()),
        {
            "exported": {
                folder: [str(name) for name in names] for folder, names in written.items()
            },
            "not_exported": failed,
            "notes": notes,
        },
    )
    for text in notes:
        cli.note(f"note: {text}")
    return 1 if failed else 0


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
        for result, submission in zip(_names(contribution), contribution.submissions, strict=True):
            split = benchmarks.open(result).split(result.split)
            write_predictions(
                new, result, list(split), list(split.values()), submission.predictions
            )
        write_text(new / METADATA, json_text(_metadata(contribution)))
        write_text(new / RUN_SCRIPT, _run_script(contribution, repository_url))
        (new / RUN_SCRIPT).chmod(0o755)
        for path in _new_benchmarks(_names(contribution)):
            _copy(benchmarks.root / path, jarvis / "benchmarks" / path)
        new.rename(target)


def _check_layout(jarvis: Path) -> None:
    if jarvis.exists() and not jarvis.is_dir():
        raise StemError(f"{jarvis}: expected a folder")
    if jarvis.exists() and any(jarvis.iterdir()) and not (jarvis / "contributions").is_dir():
        raise StemError(
            f"{jarvis}: neither empty nor with a folder contributions in it; name a new folder, or "
            "the folder jarvis_leaderboard inside a clone of JARVIS-Leaderboard"
        )


def _folders(root: Path, models: Sequence[str]) -> list[Path]:
    """The contributions asked for, each once; all where none is named."""
    known = {folder.name: folder for folder in contribution_folders(root)}
    for model in models:
        if model not in known:
            raise StemError(
                f"{root / model}: no such contribution; there are {', '.join(known) or 'none'}"
            )
    return [known[model] for model in sorted(set(models) or known)]


def _only_on(contribution: Contribution, dataset: str | None) -> Contribution:
    """The contribution without its results on other benchmarks."""
    if dataset is None:
        return contribution
    kept = [s for s in contribution.submissions if s.name and s.name.dataset == dataset]
    return replace(contribution, submissions=kept)


def _names(contribution: Contribution) -> list[ResultName]:
    return [submission.name for submission in contribution.submissions if submission.name]


def _problems(contribution: Contribution) -> list[str]:
    """Everything that keeps a contribution from being exported."""
    problems = [
        *contribution.missing_predictions,
        *contribution.name_problems,
        *contribution.metadata_problems,
        *(
            f"{submission.path.name}: {problem}"
            for submission in contribution.submissions
            for problem in [*submission.problems, *submission.run_problems]
        ),
    ]
    if contribution.metadata and not contribution.metadata.author_email:
        problems.append(f"{METADATA}: JARVIS-Leaderboard wants an e-mail under 'author_email'")
    return problems


def _metadata(contribution: Contribution) -> dict[str, Any]:
    """The contribution's metadata, cut to JARVIS' keys and the files exported."""
    data = read_json_object(contribution.folder / METADATA)
    seconds = data["time_taken_seconds"]
    files = [name.predictions_name for name in _names(contribution)]
    return {
        **{key: data[key] for key in blank()},
        "time_taken_seconds": {file: seconds.get(file, "") for file in files},
    }


def _run_script(contribution: Contribution, repository_url: str) -> str:
    """A run.sh for people who have nothing of this repository yet."""
    address, _, branch = repository_url.partition("/tree/")
    clone = ["git", "clone", *(["--branch", branch] if branch else []), address]
    model = contribution.folder.name
    runs = []
    for name, submission in zip(_names(contribution), contribution.submissions, strict=True):
        run = submission.run
        commit = f", made at commit {run.git_commit}" if run and run.git_commit else ""
        command = ["bash", f"contributions/{model}/run.sh", "--benchmark", name.dataset]
        runs += [f"# {name.predictions_name}{commit}", shlex.join(command + _run_options(run))]
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
    pretrained = ["--pretrained"] if (run.model_extra or {}).get("pretrained") else []
    return ["--epochs", str(run.recipe.epochs), "--seed", str(run.seed), *pretrained]


def _new_benchmarks(names: Sequence[ResultName]) -> list[Path]:
    """Benchmarks that JARVIS-Leaderboard has not, as paths below the folder of benchmarks."""
    return sorted({name.page_path(BENCHMARK_SUFFIX) for name in names} - _AT_JARVIS)


def _copy(source: Path, target: Path) -> None:
    content = source.read_bytes()
    if not target.exists():
        write_bytes(target, content)
    elif target.read_bytes() != content:
        raise StemError(f"{target}: differs from {source}; remove it, or leave out its results")


def _notes(exported: Mapping[str, Sequence[ResultName]], benchmarks: Benchmarks) -> list[str]:
    """What is left to a person: names taken at JARVIS, and what a new benchmark asks for."""
    results = sorted({name for names in exported.values() for name in names})
    taken = {model for name in results for model in Reference.read(benchmarks.root, name).published}
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


if __name__ == "__main__":
    sys.exit(cli.run(main))
