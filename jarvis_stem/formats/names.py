"""Names of results and files: the JARVIS convention that ties predictions to benchmarks.

A result is named ``<CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>`` and its predictions are in
that name's ``.csv.zip``. Source: JARVIS-Leaderboard, ``jarvis_leaderboard/rebuild.py``.
"""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from pathlib import Path

from jarvis_stem.utils.errors import StemError

PREDICTIONS_SUFFIX = ".csv.zip"
BENCHMARK_SUFFIX = ".json.zip"
MODEL_SUFFIX = ".onnx"
WEIGHTS_SUFFIX = ".safetensors"
CONVENTION = "<CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>"
SCORED_SPLIT = "test"
SCORED_METRIC = "acc"
_PARTS = re.compile("-".join(["([A-Za-z0-9_.+]+)"] * 6))


@dataclass(frozen=True, order=True)
class ResultName:
    """A result's six-part name; see `CONVENTION`.

    Examples:
        >>> name = ResultName.parse("AI-ImageClass-bravais_class-stem_2d_image-test-acc.csv.zip")
        >>> name.dataset, name.benchmark_name
        ('stem_2d_image', 'stem_2d_image_bravais_class')
    """

    category: str
    subcategory: str
    property: str
    dataset: str
    split: str
    metric: str

    @classmethod
    def parse(cls, name: str) -> ResultName:
        """Read a result's name, with or without the suffix of its predictions.

        Args:
            name: For example ``AI-ImageClass-bravais_class-stem_2d_image-test-acc.csv.zip``.

        Raises:
            StemError: Not six non-empty parts of letters, digits, '_', '.' and '+'.
        """
        parts = _PARTS.fullmatch(name.removesuffix(PREDICTIONS_SUFFIX))
        if not parts:
            raise StemError(f"{name!r}: expected {CONVENTION}{PREDICTIONS_SUFFIX}")
        return cls(*parts.groups())

    def __str__(self) -> str:
        return "-".join(
            (
                self.category,
                self.subcategory,
                self.property,
                self.dataset,
                self.split,
                self.metric,
            )
        )

    @builtins.property  # the field takes the plain name
    def is_scored(self) -> bool:
        """Whether it is of the split and the metric that are scored here."""
        return (self.split, self.metric) == (SCORED_SPLIT, SCORED_METRIC)

    @builtins.property
    def csv_name(self) -> str:
        """Name of the CSV inside the predictions' zip."""
        return f"{self}.csv"

    @builtins.property
    def predictions_name(self) -> str:
        """Name of the predictions' zip."""
        return f"{self}{PREDICTIONS_SUFFIX}"

    @builtins.property
    def run_record_name(self) -> str:
        """Name of the record of the run that made the predictions."""
        return f"{self}.run.json"

    @builtins.property
    def model_name(self) -> str:
        """Name of the model that the predictions were made with, a graph that runs alone."""
        return f"{self}{MODEL_SUFFIX}"

    @builtins.property
    def weights_name(self) -> str:
        """Name of its weights, which run with its model.py alone, where there is no graph."""
        return f"{self}{WEIGHTS_SUFFIX}"

    @builtins.property
    def benchmark_name(self) -> str:
        """Name shared by the benchmark's JSON, its zip and its page."""
        return f"{self.dataset}_{self.property}"

    def page_path(self, suffix: str) -> Path:
        """Path of one of the benchmark's files below a root: its zip, its page."""
        return Path(self.category, self.subcategory, self.benchmark_name + suffix)


def bravais_result(dataset: str) -> ResultName:
    """Name of the results on a dataset's Bravais classes: all that is trained and scored here.

    Examples:
        >>> bravais_result("stem_2d_proto").predictions_name
        'AI-ImageClass-bravais_class-stem_2d_proto-test-acc.csv.zip'
    """
    return ResultName("AI", "ImageClass", "bravais_class", dataset, SCORED_SPLIT, SCORED_METRIC)


DEFAULT_BENCHMARK = "stem_2d_image"
DEFAULT_MODEL = "robust_lattice_cnn_model"  # a microscope's picture has noise: docs/robustness.md
