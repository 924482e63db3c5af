"""Bravais lattices of 2D materials from simulated STEM images: benchmark, models, leaderboard."""

__version__ = "0.1.0"
