"""What the tests of the site build it from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jarvis_stem.formats.project_metadata import Project
from jarvis_stem.scoring import leaderboard
from jarvis_stem.web.content import Content
from jarvis_stem.web.gallery import Crystals, Gallery


def scored(
    contributions: Path,
    benchmarks: Path,
    project: Project,
    *,
    robustness: Mapping[str, Any] = {},
    unseen: Mapping[str, Any] = {},
    galleries: Mapping[str, Gallery] = {},
) -> Content:
    """Score what there is; the content of its site."""
    board = leaderboard.build(contributions, benchmarks, project.benchmarks)
    return Content(
        board,
        project,
        contributions,
        robustness=dict(robustness),
        unseen=dict(unseen),
        galleries=dict(galleries),
    )


def squares(n: int) -> Crystals:
    """N crystals with a square cell of 4 Å, of which none is measured."""
    cells = np.full((n, 3), [4.0, 4.0, 90.0])
    return Crystals(("Au2Se",) * n, cells, cells, np.full((n, 3), np.nan))
