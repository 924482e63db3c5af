"""Train a model and write its contribution: ``python -m jarvis_stem.train MODEL``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jarvis_stem import cli
from jarvis_stem.contribution import check_folder_name

_EXAMPLES = """examples:
  python -m jarvis_stem.train densenet_model --data ../shared/jarvis_data
  python -m jarvis_stem.train resnet_model --benchmark stem_2d_proto --epochs 4
  python -m jarvis_stem.train resnet_model --images downloaded/atomvision
  python -m jarvis_stem.train densenet_model --resume      # after Ctrl-C

exit status: 0 trained and written, 1 bad input or output, 2 usage, 130 interrupted"""


def main() -> int:
    """Run the command on the arguments of the process and return its exit status."""
    options = _parser().parse_args()
    # Imported here, so that --help is quick and Ctrl-C during the import of torch is handled.
    from jarvis_stem import experiment

    experiment.run(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jarvis_stem.train",
        description="Train a model on a benchmark and write its predictions as a contribution.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "model", type=_model, metavar="MODEL", help="name of its contribution, which has a model.py"
    )
    add("--benchmark", default="stem_2d_image", metavar="DATASET", help="default: %(default)s")
    add("--data", metavar="DIR", help="JARVIS databases; default: JARVIS_STEM_DATA or their cache")
    add("--refresh", action="store_true", help="download the JARVIS databases anew")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--images", type=Path, metavar="DIR", help="read <class>/<id>.jpg instead of rendering"
    )
    source.add_argument(
        "--structures", type=Path, metavar="PATH", help="render these POSCAR, CIF or JSON files"
    )
    add("--epochs", type=_at_least_one, metavar="N", help="default: the model's own")
    add("--seed", type=_seed, default=0, metavar="N", help="default: %(default)s")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda; default: %(default)s")
    add("--pretrained", action="store_true", help="start from torchvision's ImageNet weights")
    add("--resume", action="store_true", help="go on from the last checkpoint, if there is one")
    folders = (
        ("--benchmarks", "benchmarks", "benchmarks' zips; default: %(default)s"),
        ("--contributions", "contributions", "where MODEL's folder is; default: %(default)s"),
        ("--runs", "runs", "checkpoints and learning curves; default: %(default)s"),
    )
    for flag, default, text in folders:
        add(flag, type=Path, default=Path(default), metavar="DIR", help=text)
    return parser


def _model(text: str) -> str:
    if Path(text).name != text or check_folder_name(Path(text)):
        raise argparse.ArgumentTypeError(
            f"expected a contribution's name, for example densenet_model, got {text!r}"
        )
    return text


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"expected 0 to 2**32 - 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(cli.run(main))
