"""Check a contribution as the leaderboard and a pull request will."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jarvis_stem import cli
from jarvis_stem.files import json_text

_EPILOG = """\
exit status:
  0    nothing failed
  1    something failed, or there is no such contribution
  2    wrong arguments
  130  interrupted

examples:
  python -m jarvis_stem.check contributions/my_model
  python -m jarvis_stem.check contributions/my_model --json | jq '.lines[].status'
  python -m jarvis_stem.check --schema > docs/metadata.schema.json
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Those of the command line if None.

    Returns:
        Exit status: 1 if something failed, else 0.

    Raises:
        StemError: There is no such contribution, or a benchmark is broken.
    """
    options = _parser().parse_args(arguments)
    # Imported here, so that --help need not wait.
    from jarvis_stem.checklist import check
    from jarvis_stem.metadata import Metadata
    from jarvis_stem.project import listed_benchmarks

    if options.schema:
        print(json_text(Metadata.model_json_schema()), end="")
        return 0
    listed = listed_benchmarks(options.benchmarks.parent)
    checklist = check(options.contribution, options.benchmarks, listed)
    print(json_text(checklist.as_json()) if options.json else f"{checklist.text()}\n", end="")
    return 0 if checklist.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jarvis_stem.check",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "contribution", nargs="?", type=Path, metavar="FOLDER", help="for example contributions/x"
    )
    what.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of metadata.json instead"
    )
    parser.add_argument(
        "--benchmarks",
        type=Path,
        default=Path("benchmarks"),
        metavar="DIR",
        help="folder of benchmarks (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the checklist as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(cli.run(main))
