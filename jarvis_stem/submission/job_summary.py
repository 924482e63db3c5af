"""A judgement as the summary of a job on GitHub, what strangers wrote in code spans."""

from __future__ import annotations

import re

from jarvis_stem.submission.judgement import SHOWN, Judged, Judgement, accuracy_text
from jarvis_stem.utils.messages import count

SUMMARY_LIMIT = 900_000  # bytes; GitHub shows no job summary beyond 1 MiB
_TEXT_LIMIT = 500  # characters of one line in the summary


def summary_markdown(judgement: Judgement) -> str:
    """Write a judgement as a job summary, what strangers wrote in code spans."""
    lines = [
        f"## {'Passed' if judgement.ok else 'Not passed'}",
        "",
        sentence(judgement),
        *_table(judgement.contributions),
        *_section("Problems", judgement.all_problems),
        *_section("For a maintainer to decide", judgement.flags),
        *(line for judged in judgement.contributions for line in _details(judged)),
        "",
        f"Commit {judgement.head} against {judgement.base}.",
    ]
    return _within_limit(lines)


def sentence(judgement: Judgement) -> str:
    """The outcome, in words of which none is a stranger's."""
    n, faults = len(judgement.contributions), judgement.all_problems
    if not n and not faults:
        return "No contribution and no benchmark is changed; there is nothing to score."
    what = count(judgement.contributions, "contribution") if n else "No contribution"
    return f"{what} changed, {count(faults, 'problem') if faults else 'no problems'}."


def _table(contributions: list[Judged]) -> list[str]:
    """Where the contributions stand; their names here are those that may be written to disk."""
    rows = [
        "| "
        + " | ".join(
            (
                f"`{judged.contribution}`",
                f"`{shift.board}`",
                shift.text(lambda one: f"{one.rank} of {one.n_results}"),
                shift.text(accuracy_text),
                shift.text(lambda one: f"{one.balanced_accuracy:.4f}"),
                shift.text(
                    lambda one: "is the best" if one.p_best is None else f"{one.p_best:.2g}"
                ),
            )
        )
        + " |"
        for judged in contributions
        for shift in judged.standings
    ]
    if not rows:
        return []
    return [
        "",
        "| contribution | benchmark | rank | accuracy, 95% interval | balanced accuracy "
        "| p against the best |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows,
    ]


def _section(title: str, texts: list[str]) -> list[str]:
    more = [f"- and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return (
        ["", f"### {title}", "", *(f"- {code_span(t)}" for t in texts[:SHOWN]), *more]
        if texts
        else []
    )


def _details(judged: Judged) -> list[str]:
    """A contribution's files, and its checklist folded up."""
    lines = ["", f"### {judged.change.capitalize()}: {code_span(judged.contribution)}", ""]
    lines += [f"- {code_span(path)}" for path in judged.files]
    if judged.checklist:
        summary = f"<summary>Checklist: {judged.checklist.summary}</summary>"
        lines += ["", "<details>", summary, ""]
        for line in judged.checklist.lines:
            lines.append(f"- {line.status} {code_span(line.check)}")
            lines += [f"  - {code_span(detail)}" for detail in line.details[:SHOWN]]
        lines += ["", "</details>"]
    return lines


def code_span(text: str) -> str:
    """Show what a stranger wrote as one code span: no markup, mention or link comes of it.

    A job summary that is printed into a log is also read by the runner, which obeys ``::command``
    at the start of a line and ``##[command]`` anywhere.
    """
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text).replace("##[", r"#\x23[")
    if len(text) > _TEXT_LIMIT:
        text = text[:_TEXT_LIMIT] + "…"
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _within_limit(lines: list[str]) -> str:
    """The lines that a job summary has room for."""
    text, size = "", 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > SUMMARY_LIMIT:
            return text + "\nThe rest is left out; run the same command in a clone.\n"
        text += line + "\n"
    return text
