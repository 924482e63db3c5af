"""The error that carries a message for the person at the terminal."""

from __future__ import annotations


class StemError(Exception):
    """Something the user can mend; the message names the place, the fault and the way out."""
