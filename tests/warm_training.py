"""Imports all that a training imports, and has the exporter do once what it does once."""

from __future__ import annotations

import matplotlib.pyplot  # noqa: F401
from torch import nn

import jarvis_stem.train
import jarvis_stem.training.run  # noqa: F401
from jarvis_stem.training.graph_export import graph_of

graph_of(nn.Sequential(nn.AvgPool2d(64), nn.Flatten(), nn.Linear(16, 2)), [0, 1], 1.0)
