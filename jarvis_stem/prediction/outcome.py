"""What came of an input: an answer, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jarvis_stem.imaging.picture import Picture
    from jarvis_stem.prediction.answer import Answer
    from jarvis_stem.prediction.predictor import Predictor


@dataclass(frozen=True)
class Outcome:
    """What came of an input: an answer and the picture it is of, or an error."""

    name: str
    picture: Picture | None = None
    answer: Answer | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The same keys whatever came of it."""
        return {"input": self.name, **answer_keys(self.answer), "error": self.error}


def answered(outcome: Outcome, predictor: Predictor, distortion: float) -> Outcome:
    """An outcome with the answer for its picture, if it has one.

    Args:
        outcome: A picture, or why there is none.
        predictor: What answers.
        distortion: See `Predictor.answer`.
    """
    if not outcome.picture:
        return outcome
    answer = predictor.answer([outcome.picture], distortion)[0]
    return replace(outcome, answer=answer)


def answer_keys(answer: Answer | None) -> dict[str, Any]:
    """An answer's keys, which are there without one, too."""
    if answer:
        return answer.as_json()
    nothing: dict[str, Any] = dict.fromkeys(_KEYS)
    return {**nothing, "further": [], "reasons": []}


_KEYS = (
    *("class", "class_name", "lattice_name", "probabilities", "confidence", "lattice"),
    *("symmetric", "further", "quality", "pixel_size", "pixel_size_from", "frame"),
    *("structure", "reasons"),
)
