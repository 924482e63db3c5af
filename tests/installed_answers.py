"""Ask the installed package for the class of drawings, one of each: installed_answers.py.

Cibuildwheel runs it with every wheel, beside nothing but what the wheel requires.
"""

from __future__ import annotations

import sys

from jarvis_stem import predict
from jarvis_stem.imaging import prototypes, stem


def main() -> int:
    """Print a drawing's name, its class and the answer; 0 if all answers are right."""
    of_class = {label: name for name, label in reversed(prototypes.benchmark()["test"].items())}
    structures = prototypes.structures()
    drawn = stem.simulate([structures[name] for name in of_class.values()])
    answers = predict(drawn, pixel_size=stem.PIXEL_SIZE)
    for (label, name), answer in zip(of_class.items(), answers, strict=True):
        print(f"{name}: {label}, answered {answer.bravais_class} ({answer.class_name})")
    return [answer.bravais_class for answer in answers] != [*of_class]


if __name__ == "__main__":
    sys.exit(main())
