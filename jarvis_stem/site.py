"""Build the leaderboard's site: static pages that need neither a server nor a network."""

from __future__ import annotations

import sys
import webbrowser
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jarvis_stem import cli
from jarvis_stem.formats.project_metadata import METADATA, Project
from jarvis_stem.scoring.board import Leaderboard
from jarvis_stem.utils.errors import StemError
from jarvis_stem.web.content import ROBUSTNESS, UNSEEN, Content, read_measured

if TYPE_CHECKING:
    from jarvis_stem.web.builder import Built
    from jarvis_stem.web.serve import Server

_EPILOG = """\
written to the output folder:
  index.html                           the benchmarks, the best of each and its history
  benchmarks/<dataset>_<prop>.html     table, charts, any two models side by side
  contributions/<name>.html            a model card
  images/<dataset>_<prop>.html         the test images, what they show, what each model says
  assets/, thumbs/                     styles, scripts, thumbnails
What an earlier run wrote and this one does not is removed. Images are drawn from structures that
are at hand: the built-in ones, and the databases that `jarvis-stem data` lists.

exit status:
  0    the site is written; with --serve also after Ctrl-C
  1    something was not scored, and is named on stderr (the site is written and shows it),
       or nothing could be scored or written, or the port is in use
  2    wrong arguments
  130  interrupted while building

examples:
  jarvis-stem site --open
  jarvis-stem site --serve --port 8080
  jarvis-stem site --data ../shared/jarvis_data
  jarvis-stem site --no-images --json | jq .bytes
"""


@click.command(cls=cli.Command, name="site", epilog=_EPILOG)
@cli.folder_option("contributions", "Folder of contribution folders.")
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@click.option(
    "--output",
    type=cli.Folder(),
    default=Path("site"),
    show_default=True,
    metavar="DIR",
    help="Folder to write the site to.",
)
@cli.data_option
@click.option("--no-images", is_flag=True, help="Leave out images and the pages that show them.")
@click.option("--serve", is_flag=True, help="Serve it on 127.0.0.1 and rebuild on change.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=8000,
    show_default=True,
    help="Port to serve on; 0 for any that is free.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser.")
@cli.json_option
@cli.quiet_option
def main(
    contributions: Path,
    benchmarks: Path,
    output: Path,
    data: str | None,
    no_images: bool,
    serve: bool,
    port: int,
    open_browser: bool,
) -> int:
    """Build the leaderboard's pages; serve them while you work."""
    from jarvis_stem.web.serve import Server

    if serve and cli.wants_json():
        raise click.UsageError("'--json' and '--serve' exclude each other.")
    server = Server(output, port) if serve else None  # first: building takes a while
    site = _Site(contributions, benchmarks, output, not no_images, data)
    leaderboard, built = site.build()
    cli.report(_summary(output, built), asdict(built) | {"output": str(output)})
    cli.report_rejected(leaderboard)
    if open_browser:
        webbrowser.open(server.url if server else (output / "index.html").resolve().as_uri())
    if server:
        _serve(server, site)
        return 0
    return 1 if leaderboard.incomplete else 0


@dataclass(frozen=True)
class _Site:
    """What the site is made of and where it goes."""

    contributions: Path
    benchmarks: Path
    output: Path
    images: bool
    data: str | None

    @property
    def sources(self) -> list[Path]:
        """What it changes with."""
        return [self.contributions, self.benchmarks, Path(METADATA), ROBUSTNESS, UNSEEN]

    def build(self) -> tuple[Leaderboard, Built]:
        from jarvis_stem.scoring import leaderboard
        from jarvis_stem.web import builder, gallery

        project = Project.read(Path(METADATA))
        scored = leaderboard.build(self.contributions, self.benchmarks, project.benchmarks)
        galleries = {}
        if self.images:
            galleries = gallery.build(scored, self.contributions, self.benchmarks, data=self.data)
        content = Content(
            scored,
            project,
            self.contributions,
            robustness=read_measured(ROBUSTNESS),
            unseen=read_measured(UNSEEN),
            galleries=galleries,
        )
        return scored, builder.build(content, self.output)


def _serve(server: Server, site: _Site) -> None:
    """Serve until Ctrl-C; a build that fails leaves the pages as they were."""
    from jarvis_stem.web.serve import watch

    def rebuild() -> None:
        try:
            leaderboard, built = site.build()
        except (StemError, OSError) as error:
            cli.complain(str(error))
            return
        server.version += 1
        cli.say(_summary(site.output, built))
        cli.report_rejected(leaderboard)

    server.start()
    cli.say(f"{server.url} (Ctrl-C ends)")
    try:
        watch(site.sources, rebuild)
    except KeyboardInterrupt:
        server.shutdown()
        server.server_close()


def _summary(output: Path, built: Built) -> str:
    return (
        f"{output / 'index.html'}: {built.pages} pages, {built.files} files, "
        f"{built.bytes / 1e6:.1f} MB, {len(built.changed)} changed"
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
