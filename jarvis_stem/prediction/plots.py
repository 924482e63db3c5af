"""Plots of answers as files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes


def plot_paths(plot: Path, outcomes: Sequence[Outcome]) -> dict[str, Path]:
    """Where the plot of each picture goes."""
    names = [outcome.name for outcome in outcomes if outcome.picture]
    if plot.suffix.lower() == ".png" and not plot.is_dir():
        if len(names) > 1:
            raise StemError(f"{plot}: one file for {len(names)} plots; name a folder")
        paths = [plot] * len(names)
    else:
        seen: Counter[str] = Counter()
        paths = []
        for name in names:
            short = _short(name)
            seen[short] += 1
            number = f"-{seen[short]}" if seen[short] > 1 else ""
            paths.append(plot / f"{short}{number}.png")
    for path in paths:
        refuse_other(path)
    return dict(zip(names, paths, strict=True))


def _short(name: str) -> str:
    """A file's name for a picture's, without its ending."""
    from jarvis_stem.imaging import picture_files, structure_files

    kinds = (*picture_files.PICTURES, *structure_files.ENDINGS)
    path = Path(name)
    return re.sub(r"[^\w.+-]+", "_", path.stem if path.suffix.lower() in kinds else path.name)


def refuse_other(path: Path) -> None:
    """Refuse to overwrite what is no plot: ``--plot picture.png`` may mean to draw that one."""
    if path.exists():
        from PIL import Image

        from jarvis_stem.prediction.overlay import SOFTWARE

        try:
            with Image.open(path, formats=("PNG",)) as image:
                ours = image.info.get("Software") == SOFTWARE
        except OSError:
            ours = False
        if not ours:
            raise StemError(
                f"{path}: is there and is no plot of {SOFTWARE}; name another file, and put --plot "
                "last if it should have none"
            )


def draw_plots(outcomes: Sequence[Outcome], targets: Mapping[str, Path]) -> None:
    """Draw each answer over its picture, with a progress bar.

    Args:
        outcomes: Those with a picture have an answer.
        targets: Files by an outcome's name; none draws nothing.
    """
    if not targets:
        return
    from jarvis_stem.prediction import overlay
    from jarvis_stem.utils.progress import track

    for outcome in track([one for one in outcomes if one.picture], "Drawing"):
        assert outcome.picture is not None and outcome.answer is not None  # noqa: S101 - see above
        name = Path(outcome.name).name
        drawn = overlay.figure(outcome.picture, outcome.answer, name)
        write_bytes(targets[outcome.name], overlay.png(drawn))
