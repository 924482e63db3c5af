"""The report of a benchmark's leakage in words and Markdown."""

from __future__ import annotations

from typing import Any

from jarvis_stem.utils.templates import environment

PROPERTY = "bravais_class"


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


def report_markdown(report: dict[str, Any]) -> str:
    """Render the report as a page.

    Args:
        report: The figures, as the JSON has them.
    """
    dataset = report["benchmark"].removesuffix(f"_{PROPERTY}")
    template = environment("jarvis_stem.imaging").get_template("leakage_report.md.j2")
    return template.render(report, dataset=dataset, findings=findings(report))


def _at_least(likeness: dict[str, Any], correlation: float) -> dict[str, Any]:
    return next(row for row in likeness["at_least"] if row["correlation"] == correlation)
