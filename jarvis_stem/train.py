"""Train a model and write its contribution: ``jarvis-stem train MODEL``."""

from __future__ import annotations

import sys
from pathlib import Path
from traceback import print_exception
from typing import Any

import click

from jarvis_stem import cli
from jarvis_stem.formats.folder import check_folder_name
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.garbage import kept_for_good

_EPILOG = """\
written to the contribution's folder when the training is done:
  <result>.csv.zip      id, target and prediction of every test id
  <result>.run.json     what it was run with, what it took and gave
  <result>.onnx         the trained model; .safetensors, its weights, if it cannot be a graph
  metadata.json         JARVIS-Leaderboard's keys; what a person wrote in them is kept
and to runs/ as it goes: the checkpoint, metrics.csv, learning_curve.png. A result that was there
before is kept there, too, with the command that puts it back.

exit status:
  0    trained and written
  1    something is wrong with the input or the output
  2    wrong arguments
  130  interrupted; the same command with --resume goes on

examples:
  jarvis-stem train densenet_model --data ../shared/jarvis_data
  jarvis-stem train resnet_model --benchmark stem_2d_proto --epochs 4
  jarvis-stem train resnet_model --images downloaded/atomvision
  jarvis-stem train densenet_model --resume      # after Ctrl-C
  jarvis-stem train lattice_model --until 0.9    # a good one soon
  jarvis-stem train lattice_model --json | jq .accuracy
  torchrun --standalone --nproc-per-node 2 -m jarvis_stem.train densenet_model
"""


def _name(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if Path(text).name != text or check_folder_name(Path(text)):
        raise click.BadParameter(
            f"expected a contribution's name, for example densenet_model, got {text!r}"
        )
    return text


def _complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a contribution that can be trained."""
    names = (f.name for f in cli.contributions(context) if (f / "model.py").is_file())
    return [name for name in names if name.startswith(incomplete)]


@click.command(cls=cli.Command, name="train", epilog=_EPILOG)
@click.argument("model", callback=_name, metavar="MODEL", shell_complete=_complete)
@cli.dataset_option
@cli.data_option
@cli.refresh_option
@click.option(
    "--images", type=cli.Folder(), metavar="DIR", help="Read <class>/<id>.jpg, render nothing."
)
@click.option(
    "--structures",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Render these POSCAR, CIF or JSON files.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Default: the model's own.")
@click.option(
    "--until",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="ACCURACY",
    help="Stop after the epoch that reaches this on the validation part.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu or cuda."
)
@click.option(
    "--traceback", is_flag=True, help="Show where an exception of the model's code comes from."
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint, if there is one.")
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@cli.folder_option("contributions", "Where MODEL's folder is.")
@cli.folder_option("runs", "Checkpoints and learning curves.")
@cli.cache_option
@click.option(
    "--no-cache",
    "use_cache",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Keep no drawn and described images, and use none.",
)
@cli.json_option
@cli.quiet_option
def main(traceback: bool, **options: Any) -> int:
    """Train a model and write its contribution.

    MODEL is the contribution's name; its folder has a model.py. A tenth of the training ids chooses
    the epoch, and the test split is predicted once, at the end.
    """
    cli.refuse_together("images", "structures")
    cli.refuse_together("cache", "use_cache")
    # Imported here, so that --help is quick and Ctrl-C during the import of torch is handled.
    with kept_for_good():
        from jarvis_stem.training import dataset
        from jarvis_stem.training.architecture import ModelError
        from jarvis_stem.training.run import run

    try:
        outcome = run(dataset.Options(**options, command=cli.typed()))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command with --resume goes on") from None
    except ModelError as error:
        if traceback:
            print_exception(error.__cause__)
            raise
        raise StemError(f"{error} (--traceback shows where it comes from)") from error
    if outcome:  # else another process writes and reports
        cli.report(outcome.text(), outcome.as_json())
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
