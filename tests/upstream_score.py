"""Score a folder with JARVIS-Leaderboard's own code: upstream_score.py ROOT.

Run by the interpreter of an environment that has the package jarvis-leaderboard; it needs nothing
of jarvis_stem. ROOT has that package's layout. Printed as JSON: what `get_metric_value` makes of
every predictions file and how long it took, and what the repository's sanity checks complain of.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from jarvis_leaderboard import rebuild

CHECKS = (
    "check_metadata_json_exists",
    "check_metadata_info_exists",
    "check_run_sh_exists",
    "check_at_least_one_csv_zip_exists",
    "check_json_zip_exists_for_csv_zip",
)


def main() -> None:
    """Score and check the folder named on the command line."""
    root = Path(sys.argv[1])
    rebuild.root_dir = str(root)
    with contextlib.redirect_stdout(sys.stderr):  # it prints as it goes
        results = {
            f"{path.parent.name}/{path.name}": _score(path)
            for path in sorted(root.glob("contributions/*/*.csv.zip"))
        }
        checks = {name: sorted(getattr(rebuild, name)()) for name in CHECKS}
    json.dump({"results": results, "checks": checks}, sys.stdout)


def _score(path: Path) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        score = rebuild.get_metric_value(csv_path=str(path))["res"]
    except Exception as error:  # any: the error is the result
        return {"error": f"{type(error).__name__}: {error}"}
    return {"score": float(score), "seconds": time.perf_counter() - start}


if __name__ == "__main__":
    main()
