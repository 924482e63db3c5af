"""A board as the Markdown page that JARVIS-Leaderboard publishes."""

from __future__ import annotations

import plotly.graph_objects as go

from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName
from jarvis_stem.formats.project_metadata import About
from jarvis_stem.scoring.board import BASELINE, Board, Result
from jarvis_stem.scoring.table import RANK, notices, p_value, rows
from jarvis_stem.utils.templates import environment

_GREY = "#7d7d7d"  # legible on white and on black, as the page follows the reader's theme
_FAINT = "rgba(128,128,128,0.25)"
_BLUE = "#3b7dd8"
_ORANGE = "#d9762b"

_TEMPLATES = environment("jarvis_stem.scoring")
_TEMPLATES.filters["p_value"] = p_value
_TEMPLATES.filters["ratio"] = lambda value: "-" if value is None else f"{value:.4f}"


def page_markdown(board: Board, about: About, repository_url: str) -> str:
    """Render a board as the published page's Markdown, its chart's script from Plotly's network.

    Args:
        board: What to show.
        about: Title, description and references.
        repository_url: Web address that holds ``contributions/`` and ``benchmarks/``.
    """
    benchmark = ResultName.parse(board.name).page_path(BENCHMARK_SUFFIX)
    return _TEMPLATES.get_template("board.md.j2").render(
        board=board,
        about=about,
        names=[about.classes.get(str(c), c) for c in board.classes],
        chart=_chart(board),
        rows=rows(board),
        measured=[*board.results, *([board.baseline] if board.baseline else [])],
        notices=notices(board),
        rank_note=RANK,
        contributions_url=f"{repository_url}/contributions",
        benchmark_url=f"{repository_url}/benchmarks/{benchmark.as_posix()}",
    )


def _chart(board: Board) -> str:
    """The scores as bars, worst first, with their 95% intervals, in one line of HTML.

    Dashed lines are published scores, a dotted one is the baseline.
    """
    figure = go.Figure(_bars(board.results[::-1]))
    for score, names in _levels(board).items():
        _add_level(figure, score, names)
    _lay_out(figure, board)
    html = figure.to_html(
        full_html=False,
        include_plotlyjs="cdn",
        div_id=board.name,
        config={"responsive": True, "displayModeBar": False},
    )
    # A blank line would end the HTML block, and Markdown would begin to read the script.
    return str(html).replace("\n", " ")


def _bars(results: list[Result]) -> go.Bar:
    return go.Bar(
        x=[result.contribution for result in results],
        y=[result.score for result in results],
        texttemplate="%{y:.4f}",
        textposition="inside",
        insidetextanchor="middle",
        insidetextfont={"color": "white"},
        marker={"color": _BLUE},
        error_y={
            "type": "data",
            "array": [round(r.interval[1] - r.score, 4) for r in results],
            "arrayminus": [round(r.score - r.interval[0], 4) for r in results],
            "color": _GREY,
            "thickness": 2.5,
        },
    )


def _levels(board: Board) -> dict[float, list[str]]:
    """What the chart's lines stand for, by score: of equal scores the labels would collide."""
    levels: dict[float, list[str]] = {}
    for reference in board.references:
        levels.setdefault(reference.score, []).append(f"published<br>{reference.name}")
    if board.baseline:
        levels.setdefault(board.baseline.score, []).append(BASELINE)
    return levels


def _add_level(figure: go.Figure, score: float, names: list[str]) -> None:
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


def _lay_out(figure: go.Figure, board: Board) -> None:
    figure.update_layout(
        title={"text": board.name, "x": 0.5, "font": {"size": 14}},
        yaxis={"title": {"text": f"{board.metric.upper()} ({board.property})"}},
        template="none",
        font={"color": _GREY, "family": "system-ui, sans-serif"},
        margin={"t": 70, "r": 130, "b": 50, "l": 70},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=420,
        bargap=0.6 if len(board.results) < 6 else 0.2,
    )
    figure.update_xaxes(automargin=True, type="category")
    figure.update_yaxes(automargin=True, range=[0, 1.08], gridcolor=_FAINT, zerolinecolor=_GREY)
