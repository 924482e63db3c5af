"""The answers for several pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from jarvis_stem.prediction.answer import Answer
from jarvis_stem.utils.extras import explained

if TYPE_CHECKING:
    import pandas as pd


class Answers(list[Answer]):
    """Answers in the order of the pictures: a list that a table can be made of.

    Attributes:
        names: What each picture is called: its file, or what it is.
    """

    def __init__(self, answers: Iterable[Answer], names: Sequence[str]) -> None:
        """Keep the answers.

        Args:
            answers: One for each picture.
            names: Of the pictures.
        """
        super().__init__(answers)
        self.names = tuple(names)

    def to_frame(self) -> pd.DataFrame:
        """The answers as a pandas table, with the columns of ``jarvis-stem predict --csv``.

        Returns:
            A row for each picture: lengths in columns that end in ``_angstrom``, or in ``_px``
            where the size of a pixel is not known, angles in ``_deg``, probabilities from ``p_``;
            what is not known is missing.

        Examples:
            >>> from jarvis_stem import predict
            >>> from jarvis_stem.imaging import prototypes, stem
            >>> drawn = stem.simulate([prototypes.structures()["proto-1H-MoS2.jpg"]])
            >>> table = predict(drawn, pixel_size=0.2).to_frame()
            >>> table[["class_name", "a_angstrom", "gamma_deg"]].round(2).to_dict("records")
            [{'class_name': 'hexagonal', 'a_angstrom': 3.16, 'gamma_deg': 60.0}]
        """
        with explained("to_frame"):
            import pandas as pd  # not before: only a table needs it

        from jarvis_stem.prediction.outcome import Outcome
        from jarvis_stem.prediction.table import table_rows

        pairs = zip(self.names, self, strict=True)
        rows = table_rows([Outcome(name, answer=answer) for name, answer in pairs])
        table = pd.DataFrame(rows).drop(columns="error", errors="ignore")
        lengths = [name for name in table if name.endswith(("_angstrom", "_px", "_deg"))]
        numbers = dict.fromkeys([*lengths, "strain"], float) | {"n_atoms": "Int64"}
        table = table.astype({name: kind for name, kind in numbers.items() if name in table})
        if "class" in table:
            table["class"] = table["class"].convert_dtypes()  # integers, also beside a missing one
        return table
