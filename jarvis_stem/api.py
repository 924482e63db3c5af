"""The Python interface: the model of a contribution, and answers for pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jarvis_stem.formats.names import DEFAULT_BENCHMARK, DEFAULT_MODEL, bravais_result
from jarvis_stem.imaging import picture
from jarvis_stem.imaging.picture import Frame, Picture
from jarvis_stem.prediction import models
from jarvis_stem.prediction.answer import DISTORTION
from jarvis_stem.prediction.answers import Answers
from jarvis_stem.prediction.models import KnownModel
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.prediction.stored_model import DefaultModel, StoredModel
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.extras import explained

# A path, an array, a signal or a structure: classes of HyperSpy, ASE, JARVIS-Tools and pymatgen,
# none of which this package needs to have imported.
OnePicture = Any


def load_model(
    name: str = DEFAULT_MODEL,
    benchmark: str = DEFAULT_BENCHMARK,
    contributions: Path | None = None,
    trust_code: bool = False,
) -> Predictor:
    """Load a stored model; none of its contribution's code is executed.

    Args:
        name: Of its contribution.
        benchmark: Data set that it was trained on.
        contributions: Folder of contributions; by default the repository's, beside this package, or
            else the package's own, and for models that are not there the repository's release.
        trust_code: Whether to execute the contribution's model.py if it stores nothing but weights.

    Returns:
        The model, for `predict` or with its methods of a scikit-learn classifier.

    Raises:
        StemError: No such folder or model, one that needs its code, or see `StoredModel.load`.

    Examples:
        >>> model = load_model("robust_lattice_cnn_model")
        >>> model.classes_
        array([0, 1, 2, 3, 4])
    """
    root = contributions or models.default_folder()
    if contributions and not root.is_dir():
        raise StemError(f"{root}: no such folder of contributions")
    folder = root / name
    result = bravais_result(benchmark)
    if not folder.is_dir() or (root == models.SHIPPED and not _is_shipped(folder, benchmark)):
        if contributions or root == models.REPOSITORY:
            known = {one.name for one in models.known_models(contributions)}
            names = ", ".join(sorted(known)) or "none"
            raise StemError(
                f"{folder}: no such contribution; with a model: {names}; to start one: "
                f"jarvis-stem new {name}"
            )
        return Predictor(StoredModel.load(*models.of_release(name, benchmark)))
    if not contributions and (name, benchmark) == (DEFAULT_MODEL, DEFAULT_BENCHMARK):
        return Predictor(DefaultModel(folder))
    record = models.recorded(folder, benchmark)
    if record.model:
        return Predictor(StoredModel.load(folder / result.model_name, record.model.sha256))
    code = folder / "model.py"
    if not trust_code:
        raise StemError(
            f"{folder}: stored as weights alone, which {code} runs; if you trust that code: "
            f"--trust-code, load_model(trust_code=True), or for ever: jarvis-stem convert {name}"
        )
    from jarvis_stem.training.trusted_model import TrustedModel

    terminal.note(f"executing {code}")
    return Predictor(TrustedModel.load(folder, benchmark))


def _is_shipped(folder: Path, benchmark: str) -> bool:
    return (folder / bravais_result(benchmark).run_record_name).is_file()


def list_models(contributions: Path | None = None) -> list[KnownModel]:
    """List the models that `load_model` can load; see `models.known_models`.

    Args:
        contributions: Folder of contributions; see `load_model`.

    Raises:
        StemError: No such folder.

    Examples:
        >>> "robust_lattice_cnn_model" in {model.name for model in list_models()}
        True
    """
    return models.known_models(contributions)


def predict(
    shown: OnePicture | Sequence[OnePicture],
    pixel_size: float | None = None,
    model: Predictor | None = None,
    frame: Frame | None = None,
    distortion: float = DISTORTION,
) -> Answers:
    """Name the Bravais lattice in pictures.

    Args:
        shown: One or several: a path to an image or structures (see `imaging.picture.of_path`), an
            array [H, W], x along rows, a HyperSpy ``Signal2D`` or a dictionary of rosettasciio's,
            or a layer as ASE's or JARVIS' ``Atoms`` or pymatgen's ``Structure``, drawn as it lies;
            an array [N, H, W] is N of them.
        pixel_size: Å per pixel of the images; by default what their files or axes say.
        model: By default ``load_model()``.
        frame: Of a file or a signal with several: its number from 1, ``mean``, or ``all``.
        distortion: Standard deviation of the stretch and shear that microscopes' pictures have, a
            share; 0 takes them to be as exact as drawings.

    Returns:
        An answer for each picture, in their order, with `Answers.to_frame`.

    Raises:
        StemError: A picture that cannot be read, or not without an extra; no model.

    Examples:
        >>> from jarvis_stem.imaging import prototypes, stem
        >>> (drawn,) = stem.simulate([prototypes.structures()["proto-1H-MoS2.jpg"]])
        >>> (answer,) = predict(drawn, pixel_size=0.2)
        >>> answer.class_name, round(answer.lattice.a, 2)
        ('hexagonal', 3.16)
    """
    read: list[tuple[str, Picture]] = []
    for one in _separate(shown):
        if isinstance(one, str | Path):
            with explained(str(one)):
                read += picture.of_path(Path(one), pixel_size, frame).items()
        else:
            with explained(type(one).__name__):
                read += picture.of_object(one, pixel_size, frame).items()
    answers = (model or load_model()).answer([one for _, one in read], distortion)
    return Answers(answers, [name for name, _ in read])


def _separate(shown: OnePicture | Sequence[OnePicture]) -> Iterable[OnePicture]:
    if isinstance(shown, np.ndarray):
        return [shown] if shown.ndim < 3 else shown
    return shown if isinstance(shown, Sequence) and not _is_one(shown) else [shown]


def _is_one(shown: Any) -> bool:
    """Whether a sequence is one thing: text, or a pymatgen Structure, a sequence of sites."""
    return isinstance(shown, str) or hasattr(shown, "lattice")
