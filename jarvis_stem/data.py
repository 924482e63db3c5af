"""The data kept on this machine: the JARVIS databases, and what they cover of the benchmarks."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from platformdirs import user_cache_path
from rich.filesize import decimal

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.formats.sources import Sources
from jarvis_stem.utils import terminal
from jarvis_stem.utils.array_cache import cache_folder, cache_limit, cached_files, clear_cache
from jarvis_stem.utils.errors import StemError

_FEW = 8  # ids that a line names

# JARVIS-Tools takes seconds to import, so the commands do it when they run.

_EPILOG = """\
exit status:
  0    done
  1    a database is missing or damaged (verify), a database or a picture cannot be downloaded,
       something cannot be removed, or the question whether to remove it was answered with no
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem data                                      # the same as jarvis-stem data show
  jarvis-stem data fetch
  jarvis-stem data fetch --benchmark stem_2d_real --images pictures/
  jarvis-stem data verify --data ../shared/jarvis_data
  jarvis-stem data show --json | jq '.databases[].bytes'
  jarvis-stem data clear --cache-only                   # drawn and described images
  jarvis-stem data clear --yes
"""


class _Group(cli.Group):
    """The commands; ``show`` where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        if not named and not ctx.resilient_parsing:  # which is how completion parses
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group, name="data", epilog=_EPILOG)
def main() -> None:
    """Show, fetch, verify and clear the data kept on this machine.

    The structures that images are rendered from are in three JARVIS databases. Their zips are in
    the folder given by --data, else by the variable JARVIS_STEM_DATA, else in JARVIS' own cache.
    The pictures of stem_2d_real are others' public files, in the folder given by --images, else in
    this package's cache. Trainings keep drawn and described images, in the folder given by --cache,
    else by the variable JARVIS_STEM_CACHE, else in this package's cache: 10 GB, or as many as the
    variable JARVIS_STEM_CACHE_GB says, those used longest ago removed first.
    """


_pictures_option = click.option(
    "--images",
    type=cli.Folder(),
    metavar="DIR",
    help="Pictures of a benchmark of real ones; default: this package's cache.",
)
_benchmarks_option = cli.folder_option("benchmarks", "Folder of benchmarks.")


@main.command(epilog=_EPILOG)
@cli.data_option
@_pictures_option
@cli.cache_option
@_benchmarks_option
@cli.json_option
def show(data: str | None, images: Path | None, cache: Path | None, benchmarks: Path) -> int:
    """Show what is there and what of the benchmarks it covers.

    Ids without a structure are named, and ids whose structure is not the one that the benchmark
    was made of: JARVIS' rule gives its cell another class. --json lists all of them. Of a benchmark
    of real pictures it names those that are not there, and how to get those that have no address.
    """
    from jarvis_stem.imaging.coverage import coverage
    from jarvis_stem.imaging.store import DATABASES, inspect_database, store_directory

    known = {name: _read(name, benchmarks) for name in cli.datasets(benchmarks)}

    store = store_directory(data)
    found = [inspect_database(name, store) for name in DATABASES]
    records = {i: record for _, part in found for i, record in part.items()}
    shown = {
        "store": str(store),
        "named_by": _named_by(data),
        "databases": [asdict(database) for database, _ in found],
        "coverage": [
            row
            for dataset, benchmark in known.items()
            if benchmark.sources is None
            for row in coverage(dataset, benchmarks, records)
        ],
        "pictures": [
            _pictures(dataset, benchmark.sources, images)
            for dataset, benchmark in known.items()
            if benchmark.sources
        ],
        "cache": _cache(),
        "described_images": _described_images(cache),
    }
    cli.answer(_text(shown), shown)
    return 0


@main.command(epilog=_EPILOG)
@cli.data_option
@click.option("--refresh", is_flag=True, help="Download databases that are there, too.")
@click.option(
    "--benchmark",
    metavar="DATASET",
    shell_complete=cli.complete_dataset,
    help="Download the pictures of this benchmark of real ones in place of the databases.",
)
@_pictures_option
@_benchmarks_option
@cli.json_option
@cli.quiet_option
def fetch(
    data: str | None, refresh: bool, benchmark: str | None, images: Path | None, benchmarks: Path
) -> int:
    """Download the databases that are missing, or a benchmark's pictures."""
    if benchmark:
        cli.refuse_together("data", "benchmark")
        cli.refuse_together("refresh", "benchmark")
        return _fetch_pictures(benchmark, benchmarks, images)
    return _fetch_databases(data, refresh)


def _fetch_databases(data: str | None, refresh: bool) -> int:
    from jarvis_stem.imaging.store import DATABASES, database_path, read_database, store_directory

    store = store_directory(data)
    paths = [(name, database_path(name, store)) for name in DATABASES]
    wanted = [(name, path) for name, path in paths if refresh or not path.exists()]
    for name, _ in wanted:
        read_database(name, store, refresh=True)
    cli.report(
        "\n".join(
            f"{path}: {'downloaded' if (name, path) in wanted else 'was there'}, "
            f"{decimal(path.stat().st_size)}"
            for name, path in paths
        ),
        {"store": str(store), "downloaded": [str(path) for _, path in wanted]},
    )
    return 0


def _fetch_pictures(dataset: str, benchmarks: Path, images: Path | None) -> int:
    from jarvis_stem.imaging.public_pictures import fetch_pictures, pictures_folder

    sources = _read(dataset, benchmarks).sources
    if sources is None:
        raise StemError(
            f"{dataset}: its images are drawn from structures, there are no pictures to download; "
            "jarvis-stem data fetch gets the databases"
        )
    folder = pictures_folder(dataset, images)
    fetched = list(fetch_pictures(sources, folder))
    lines = [
        f"{one.path}: downloaded, {decimal(one.path.stat().st_size)}"
        for one, problem in fetched
        if not problem
    ]
    state = _pictures(dataset, sources, images)
    cli.report(
        "\n".join([*lines, *_pictures_lines(state)]),
        state | {"downloaded": [one.id for one, problem in fetched if not problem]},
    )
    for one, problem in fetched:
        if problem:
            cli.complain(
                f"{one.id}: {problem}: {one.source.address}; see {one.source.page}, and put the "
                f"file at {one.path}"
            )
    return 1 if any(problem for _, problem in fetched) else 0


@main.command(epilog=_EPILOG)
@cli.data_option
@cli.json_option
@cli.quiet_option
def verify(data: str | None) -> int:
    """Read the databases and name what is missing or damaged."""
    from jarvis_stem.imaging.store import DATABASES, inspect_database, store_directory

    store = store_directory(data)
    databases = [inspect_database(name, store)[0] for name in DATABASES]
    cli.report(_databases_text(map(asdict, databases)), [asdict(d) for d in databases])
    for database in databases:
        if database.problem:
            cli.complain(database.problem)
        if database.warning:
            terminal.note(f"warning: {database.warning}")
    return 1 if any(database.problem for database in databases) else 0


@main.command(epilog=_EPILOG)
@cli.data_option
@cli.cache_option
@click.option("--cache-only", is_flag=True, help="Remove drawn and described images alone.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@cli.json_option
@cli.quiet_option
def clear(data: str | None, cache: Path | None, cache_only: bool, yes: bool) -> int:
    """Remove the databases and this package's own cache, pictures in it too.

    With --cache-only the files of drawn and described images are removed from their folder, and
    nothing else, without a question: any training makes them anew.
    """
    if cache and not cache_only:
        raise click.UsageError("--cache goes with --cache-only.")
    if cache_only:
        cli.refuse_together("data", "cache_only")
        return _clear_described_images(cache)
    from jarvis_stem.imaging.store import DATABASES, database_path, store_directory

    store = store_directory(data)
    paths = [database_path(name, store) for name in DATABASES]
    paths = [path for path in (*paths, _cache_folder()) if path.exists()]
    if paths and not yes:
        if origin := _named_by(data):
            raise StemError(
                f"{store}: named by {origin}, and others may use it; --yes removes its databases"
            )
        terminal.echo("\n".join(map(str, paths)), to_stderr=True)
        if not click.confirm("Remove these?", err=True):
            terminal.note("nothing was removed")
            return 1
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    removed = [str(path) for path in paths]
    cli.report(
        "\n".join(f"removed {path}" for path in removed) or "nothing to remove",
        {"removed": removed},
    )
    return 0


def _clear_described_images(cache: Path | None) -> int:
    """Remove what any training can make anew, for which nobody need be asked."""
    shown = _described_images(cache)
    removed = clear_cache(cache_folder(cache))
    cli.report(
        f"{shown['folder']}: {len(removed)} files removed, {decimal(shown['bytes'])}",
        {"folder": shown["folder"], "removed": [str(path) for path in removed]},
    )
    return 0


def _read(dataset: str, benchmarks: Path) -> Benchmark:
    return Benchmark.read(benchmarks, bravais_result(dataset))


def _pictures(dataset: str, sources: Sources, images: Path | None) -> dict[str, Any]:
    """Which of a benchmark's pictures are there, and how to get the others."""
    from jarvis_stem.imaging.public_pictures import inspect_pictures, pictures_folder

    folder = pictures_folder(dataset, images)
    found = inspect_pictures(sources, folder)
    absent = [one for one in found if one.state != "ok"]
    return {
        "benchmark": dataset,
        "folder": str(folder),
        "ids": len(found),
        "there": len(found) - len(absent),
        "other_checksum": [one.id for one in absent if one.state == "other"],
        "to_fetch": [one.id for one in absent if one.source.address],
        "by_hand": {
            one.id: {"how": one.source.by_hand, "page": one.source.page}
            for one in absent
            if one.source.by_hand
        },
    }


def _pictures_lines(state: dict[str, Any]) -> Iterator[str]:
    """The same for a person."""
    dataset, folder = state["benchmark"], state["folder"]
    yield f"pictures of {dataset}: {folder}: {state['there']} of {state['ids']} there"
    if state["other_checksum"]:
        yield f"another file than the published one: {_named(state['other_checksum'])}"
    if state["to_fetch"]:
        names = _named(state["to_fetch"])
        yield f"to download, jarvis-stem data fetch --benchmark {dataset}: {names}"
    if state["by_hand"]:
        yield f"by hand, each to its path in {folder}:"
    for id, one in state["by_hand"].items():
        yield f"  {id}: {one['how']}: {one['page']}"


def _named_by(data: str | None) -> str | None:
    """What the user named the store by; None where it is JARVIS' own cache."""
    from jarvis_stem.imaging.store import STORE_VARIABLE

    return "--data" if data else STORE_VARIABLE if os.environ.get(STORE_VARIABLE) else None


def _cache_folder() -> Path:
    """Where this package keeps what it can make anew."""
    return user_cache_path("jarvis_stem")


def _cache() -> dict[str, Any]:
    files = [path for path in _cache_folder().rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return {"folder": str(_cache_folder()), "files": len(files), "bytes": size}


def _described_images(cache: Path | None) -> dict[str, Any]:
    folder = cache_folder(cache)
    files = cached_files(folder)
    size = sum(path.stat().st_size for path in files)
    return {"folder": str(folder), "files": len(files), "bytes": size, "limit": cache_limit()}


def _text(shown: dict[str, Any]) -> str:
    cache, origin = shown["cache"], shown["named_by"]
    images = shown["described_images"]
    coverage = [
        [
            row["benchmark"],
            row["split"],
            f"{row['ids']:,}",
            f"{row['with_structure']:,}",
            f"{row['with_structure'] / max(row['ids'], 1):.1%}",
        ]
        for row in shown["coverage"]
    ]
    head = ["benchmark", "split", "ids", "with structure", "share"]
    return "\n".join(
        [
            f"store: {shown['store']} ({f'named by {origin}' if origin else 'JARVIS’ own cache'})",
            "",
            _databases_text(shown["databases"]),
            *(d["problem"] for d in shown["databases"] if d["problem"]),
            *(f"warning: {d['warning']}" for d in shown["databases"] if d["warning"]),
            "",
            cli.table([head, *coverage], left=("benchmark", "split")),
            *(line for row in shown["coverage"] for line in _findings(row)),
            "",
            *(line for one in shown["pictures"] for line in (*_pictures_lines(one), "")),
            f"cache: {cache['folder']}: {cache['files']} files, {decimal(cache['bytes'])}",
            f"drawn and described images: {images['folder']}: {images['files']} files, "
            f"{decimal(images['bytes'])} of at most {decimal(images['limit'])}",
        ]
    )


def _findings(row: dict[str, Any]) -> Iterator[str]:
    """What a split's structures lack, a line each."""
    from jarvis_stem.imaging.bravais import CLASS_NAMES

    where = f"{row['benchmark']} {row['split']}"
    if row["with_structure"] and row["without_structure"]:
        yield f"{where}: no structure for {_named(row['without_structure'])}"
    if row["problems"]:
        yield f"{where}: cannot be drawn: {_named(row['problems'])}"
    if row["other_class"]:
        named = [
            f"{one['id']} ({CLASS_NAMES[one['class']]}, by its cell {CLASS_NAMES[one['rule']]})"
            for one in row["other_class"]
        ]
        yield (
            f"{where}: another class by JARVIS' rule than in the benchmark: {_named(named)}; such "
            "a store is not what the benchmark was made of"
        )


def _named(found: list[str]) -> str:
    """All of them if they are few, else the first few and how many there are."""
    if len(found) <= _FEW:
        return ", ".join(found)
    return f"{len(found):,}, the first of them {', '.join(found[:_FEW])} (--json lists all)"


def _databases_text(databases: Iterable[dict[str, Any]]) -> str:
    """The databases as a table."""
    head = ["database", "file", "state", "size", "structures"]
    rows = []
    for database in databases:
        size, count = database["bytes"], database["structures"]
        rows.append(
            [
                database["name"],
                Path(database["file"]).name,
                database["state"],
                "-" if size is None else decimal(size),
                "-" if count is None else f"{count:,}",
            ]
        )
    return cli.table([head, *rows], left=("database", "file", "state"))


if __name__ == "__main__":
    sys.exit(cli.run(main))
