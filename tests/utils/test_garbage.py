"""When Python looks for garbage."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from jarvis_stem.utils.garbage import kept_for_good
kept, later = [], []
with kept_for_good():
    assert not gc.isenabled()
    kept.append([])
assert gc.isenabled()
frozen = gc.get_freeze_count()
assert frozen > 0 and not any(one is kept for one in gc.get_objects())
with kept_for_good():
    assert gc.isenabled()
assert gc.get_freeze_count() <= frozen
"""


def test_what_stays_is_not_looked_through_and_later_garbage_is() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
