"""Report what a benchmark's split gives away: images known from training, labels on edge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging.leakage_report import findings, report_markdown
from jarvis_stem.utils.files import json_text, write_text

_EPILOG = """\
written to the output folder:
  audit/<dataset>_bravais_class.md    the report for a reader
  audit/<dataset>_bravais_class.json  all of its figures

exit status:
  0    the report was written, whatever it says
  1    no such benchmark, no structures, or nothing could be written
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem audit --benchmark stem_2d_proto
  jarvis-stem audit --data ../shared/jarvis_data
  jarvis-stem audit --json | jq '.alike.pixels.at_least'
"""


@click.command(cls=cli.Command, name="audit", epilog=_EPILOG)
@cli.dataset_option
@cli.data_option
@cli.refresh_option
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@cli.folder_option("output", "Folder to write audit/ to.", Path("docs"))
@cli.json_option
@cli.quiet_option
def main(benchmark: str, data: str | None, refresh: bool, benchmarks: Path, output: Path) -> int:
    """Report what a benchmark's split gives away.

    That is images of the test split that are known from training, and labels on edge.
    """
    name = bravais_result(benchmark)
    audited = Benchmark.read(benchmarks, name)
    report = {"benchmark": name.benchmark_name, **_measure(benchmark, audited, data, refresh)}
    if shared := audited.in_two_splits():
        report["in_two_splits"] = shared
    page = output / "audit" / f"{name.benchmark_name}.md"
    write_text(page, report_markdown(report))
    write_text(page.with_suffix(".json"), json_text(report))
    cli.report("\n".join([*shared, *findings(report), f"page: {page}"]), report)
    return 0


def _measure(dataset: str, benchmark: Benchmark, data: str | None, refresh: bool) -> dict[str, Any]:
    # Importing JARVIS-Tools takes seconds, which --help and a mistyped name need not wait for.
    from jarvis_stem.imaging import leakage, structures

    splits = ("train", "test")
    ids = [i for split in splits for i in benchmark.split(split)]
    found = structures.for_dataset(dataset, ids, data=data, refresh=refresh)
    train, test = (leakage.side(benchmark, split, found) for split in splits)
    return leakage.report(train, test)


if __name__ == "__main__":
    sys.exit(cli.run(main))
