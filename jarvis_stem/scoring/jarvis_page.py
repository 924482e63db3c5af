"""A board as a page: Markdown as JARVIS-Leaderboard publishes it, and the same as plain HTML."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined

from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName
from jarvis_stem.formats.project_metadata import About
from jarvis_stem.scoring.board import BASELINE, Board
from jarvis_stem.scoring.table import RANK, p_value, rows, same_predictions

PLOTLY_SCRIPT = "plotly.min.js"
_GREY = "#7d7d7d"  # legible on white and on black, as the page follows the reader's theme
_FAINT = "rgba(128,128,128,0.25)"
_BLUE = "#3b7dd8"
_ORANGE = "#d9762b"

_TEMPLATES = Environment(
    loader=PackageLoader("jarvis_stem.scoring", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters["p_value"] = p_value


def page_markdown(board: Board, about: About, repository_url: str) -> str:
    """Render a board as the published page's Markdown, its chart's script from Plotly's network.

    Args:
        board: What to show.
        about: Title, description and references.
        repository_url: Web address that holds ``contributions/`` and ``benchmarks/``.
    """
    # A blank line would end the HTML block, and Markdown would begin to read the script.
    chart_line = chart(board, "cdn").replace("\n", " ")
    return _render("board.md.j2", board, about, repository_url, chart_line)


def html(board: Board, about: About, repository_url: str) -> str:
    """Render a board as an HTML page that a browser shows without a network.

    The page loads Plotly from `PLOTLY_SCRIPT` two folders up, where the output's root is.

    Args:
        board: What to show.
        about: Title, description and references.
        repository_url: Web address that holds ``contributions/`` and ``benchmarks/``.
    """
    return _render(
        "board.html.j2", board, about, repository_url, chart(board, f"../../{PLOTLY_SCRIPT}")
    )


def index(boards: Sequence[tuple[Board, About]]) -> str:
    """Render the list of all boards, which stands at the output's root.

    Args:
        boards: Each with what is known about it.
    """
    listed = [
        (board, about, ResultName.parse(board.name).page_path(".html").as_posix())
        for board, about in boards
    ]
    return _TEMPLATES.get_template("index.html.j2").render(boards=listed)


def chart(board: Board, plotly_script: str) -> str:
    """Draw the scores as bars, worst first, with their 95% intervals.

    Dashed lines are published scores, a dotted one is the baseline.

    Args:
        board: What to show.
        plotly_script: ``cdn``, or the address of Plotly's script.

    Returns:
        An HTML ``div``; the same board gives the same text.
    """
    ascending = board.results[::-1]
    figure = go.Figure(
        go.Bar(
            x=[result.contribution for result in ascending],
            y=[result.score for result in ascending],
            texttemplate="%{y:.4f}",
            textposition="inside",
            insidetextanchor="middle",
            insidetextfont={"color": "white"},
            marker={"color": _BLUE},
            error_y={
                "type": "data",
                "array": [round(r.interval[1] - r.score, 4) for r in ascending],
                "arrayminus": [round(r.score - r.interval[0], 4) for r in ascending],
                "color": _GREY,
                "thickness": 2.5,
            },
        )
    )
    for score, names in _levels(board).items():
        dash, color = ("dot", _GREY) if names == [BASELINE] else ("dash", _ORANGE)
        figure.add_hline(
            score,
            line={"color": color, "dash": dash, "width": 1.5},
            annotation={
                "text": "<br>".join([*names, f"{score:.4f}"]),
                "font": {"color": color},
                "align": "left",
            },
            annotation_position="right",
        )
    figure.update_layout(
        title={"text": board.name, "x": 0.5, "font": {"size": 14}},
        yaxis={"title": {"text": f"{board.metric.upper()} ({board.property})"}},
        template="none",
        font={"color": _GREY, "family": "system-ui, sans-serif"},
        margin={"t": 70, "r": 130, "b": 50, "l": 70},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=420,
        bargap=0.6 if len(ascending) < 6 else 0.2,
    )
    figure.update_xaxes(automargin=True, type="category")
    figure.update_yaxes(automargin=True, range=[0, 1.08], gridcolor=_FAINT, zerolinecolor=_GREY)
    return str(
        figure.to_html(
            full_html=False,
            include_plotlyjs=plotly_script,
            div_id=board.name,
            config={"responsive": True, "displayModeBar": False},
        )
    )


def _levels(board: Board) -> dict[float, list[str]]:
    """What the chart's lines stand for, by score: of equal scores the labels would collide."""
    levels: dict[float, list[str]] = {}
    for reference in board.references:
        levels.setdefault(reference.score, []).append(f"published<br>{reference.name}")
    if board.baseline:
        levels.setdefault(board.baseline.score, []).append(BASELINE)
    return levels


def _render(template: str, board: Board, about: About, repository_url: str, chart: str) -> str:
    name = ResultName.parse(board.name)
    return _TEMPLATES.get_template(template).render(
        board=board,
        about=about,
        chart=chart,
        rows=rows(board),
        measured=[*board.results, *([board.baseline] if board.baseline else [])],
        same_predictions=same_predictions(board),
        rank_note=RANK,
        contributions_url=f"{repository_url}/contributions",
        benchmark_url=f"{repository_url}/benchmarks/{name.page_path(BENCHMARK_SUFFIX).as_posix()}",
        repository_url=repository_url,
    )
