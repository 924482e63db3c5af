"""Report what a benchmark's split gives away: images known from training, labels on edge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from jarvis_stem import cli
from jarvis_stem.benchmark import Benchmark, ResultName
from jarvis_stem.files import json_text, write_text

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
_PROPERTY = "bravais_class"


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
    name = ResultName("AI", "ImageClass", _PROPERTY, benchmark, "test", "acc")
    audited = Benchmark.read(benchmarks, name)
    report = {"benchmark": name.benchmark_name, **_measure(benchmark, audited, data, refresh)}
    page = output / "audit" / f"{name.benchmark_name}.md"
    write_text(page, markdown(report))
    write_text(page.with_suffix(".json"), json_text(report))
    cli.report("\n".join([*findings(report), f"page: {page}"]), report)
    return 0


def findings(report: dict[str, Any]) -> list[str]:
    """Say what the figures mean for a model.

    Args:
        report: The figures, as the JSON has them.
    """
    n = report["coverage"]["test"]["with_structure"]
    identical, shifted = report["identical"], report["shifted"]
    pixels, spectrum = report["alike"]["pixels"], report["alike"]["spectrum"]
    close = shifted["spectrum_at_least"]
    close_pixels, close_spectrum = (_at_least(likeness, close) for likeness in (pixels, spectrum))
    never = identical["mixed_classes"] + identical["only_other_class"]
    small, large = report["labels"]["moves"]
    return [
        f"Memory: of {n} test images {identical['test_ids']} are in train byte for byte and "
        f"{close_pixels['test_ids']} correlate to {close} or more with a train image by pixels, "
        f"{close_spectrum['test_ids']} by spectrum. The class of the most similar train image is "
        f"right for {pixels['nearest_neighbour']['accuracy']:.1%} of them by pixels and "
        f"{spectrum['nearest_neighbour']['accuracy']:.1%} by spectrum: what memory alone scores.",
        f"Ambiguity: {never} test images are identical to a train image of another class, which no "
        f"image model can tell apart. The train images at {close} or more by spectrum are all of "
        f"other classes for {close_spectrum['only_other_class']} of the test ids: a model is right "
        "about these only if it resolves the small difference.",
        f"Labels: a move of {small['move']} degree in gamma changes the class of "
        f"{small['test']['gamma']['ids']} test ids, one of {small['move']} Å in a that of "
        f"{small['test']['a']['ids']}; moves of {large['move']} would give "
        f"{large['test']['both']['more_symmetric']} a more symmetric lattice. A model gets such "
        "labels right only if it measures the cell that well.",
    ]


def markdown(report: dict[str, Any]) -> str:
    """Render the report as a page.

    Args:
        report: The figures, as the JSON has them.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("jarvis_stem", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    dataset = report["benchmark"].removesuffix(f"_{_PROPERTY}")
    template = templates.get_template("audit.md.j2")
    return template.render(report, dataset=dataset, findings=findings(report))


def _measure(dataset: str, benchmark: Benchmark, data: str | None, refresh: bool) -> dict[str, Any]:
    # Importing JARVIS-Tools takes seconds, which --help and a mistyped name need not wait for.
    from jarvis_stem import leakage, structures

    splits = ("train", "test")
    ids = [i for split in splits for i in benchmark.split(split)]
    found = structures.for_dataset(dataset, ids, data=data, refresh=refresh)
    train, test = (leakage.side(benchmark, split, found) for split in splits)
    return leakage.report(train, test)


def _at_least(likeness: dict[str, Any], correlation: float) -> dict[str, Any]:
    return next(row for row in likeness["at_least"] if row["correlation"] == correlation)


if __name__ == "__main__":
    sys.exit(cli.run(main))
