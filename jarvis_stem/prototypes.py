"""Write the built-in benchmark: ``python -m jarvis_stem.prototypes``."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from jarvis_stem import cli
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.prototypes import benchmark, write_benchmark

_EPILOG = """\
exit status:
  0    written
  1    it could not be written
  2    wrong arguments
  130  interrupted

example:
  python -m jarvis_stem.prototypes --output benchmarks
"""


@click.command(cls=cli.Command, name="prototypes", epilog=_EPILOG)
@cli.folder_option("output", "Folder of all benchmarks.", Path("benchmarks"))
def main(output: Path) -> int:
    """Write the built-in benchmark stem_2d_proto, byte for byte the same each time."""
    path = write_benchmark(output)
    print(f"{path}\n{_summary()}")
    return 0


def _summary() -> str:
    splits = benchmark()
    lines = [f"{'class':<15}" + "".join(f"{split:>8}" for split in splits)]
    counts = {split: Counter(classes.values()) for split, classes in splits.items()}
    for index, name in enumerate(CLASS_NAMES):
        row = "".join(f"{count[index]:>8}" for count in counts.values())
        lines.append(f"{index} {name:<13}{row}")
    lines.append(f"{'all':<15}" + "".join(f"{count.total():>8}" for count in counts.values()))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(cli.run(main))
