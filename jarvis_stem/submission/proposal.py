"""A contribution as a pull request puts it to a maintainer: title, message, body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jarvis_stem.scoring.board import Leaderboard
from jarvis_stem.scoring.checklist import Checklist
from jarvis_stem.scoring.standing import Standing, standings
from jarvis_stem.utils.errors import StemError


@dataclass(frozen=True)
class Proposal:
    """What a pull request says of a contribution.

    Attributes:
        contribution: Its name.
        checklist: Without failures.
        standings: On every board it is on.
    """

    contribution: str
    checklist: Checklist
    standings: list[Standing]

    @classmethod
    def of(cls, contribution: str, checklist: Checklist, leaderboard: Leaderboard) -> Proposal:
        """Look a contribution up on the leaderboard.

        Raises:
            StemError: It was rejected.
        """
        for rejection in leaderboard.all_rejected:
            if rejection.contribution == contribution:
                raise StemError(f"{contribution}/{rejection.file}: {'; '.join(rejection.problems)}")
        return cls(contribution, checklist, list(standings(leaderboard, contribution).values()))

    @property
    def title(self) -> str:
        """The pull request's title."""
        return f"Contribution {self.contribution}"

    @property
    def message(self) -> str:
        """The commit's message."""
        return "\n".join([self.title, "", *map(_line, self.standings)])

    @property
    def body(self) -> str:
        """The pull request's text, in Markdown."""
        rows = [
            f"| {one.board} | {_accuracy(one)} | {_interval(one)} | {_rank(one)} |"
            for one in self.standings
        ]
        return "\n".join(
            [
                "| benchmark | accuracy | 95% interval | rank |",
                "| --- | --- | --- | --- |",
                *rows,
                "",
                *(f"{notice}\n" for notice in self.notices),
                f"Checklist: {self.checklist.summary}.",
            ]
        )

    @property
    def notices(self) -> list[str]:
        """What a maintainer is to look at."""
        return [
            f"notice: {one.board}: the same predictions as {', '.join(one.same_predictions_as)}"
            for one in self.standings
            if one.same_predictions_as
        ] + [f"notice: {one.board}: {notice}" for one in self.standings for notice in one.notices]

    @property
    def summary(self) -> str:
        """The standings and notices, a line each."""
        return "\n".join([*map(_line, self.standings), *self.notices])

    def standings_json(self) -> list[dict[str, Any]]:
        """The standings for a program."""
        return [
            {
                "benchmark": one.board,
                "accuracy": one.accuracy,
                "n_correct": one.n_correct,
                "n_test": one.n_test,
                "interval": one.interval,
                "rank": one.rank,
                "same_predictions_as": one.same_predictions_as,
            }
            for one in self.standings
        ]


def _line(one: Standing) -> str:
    return (
        f"{one.board}: accuracy {_accuracy(one)}, 95% interval {_interval(one)}, rank {_rank(one)}"
    )


def _accuracy(one: Standing) -> str:
    return f"{one.accuracy:.4f} ({one.n_correct} of {one.n_test})"


def _interval(one: Standing) -> str:
    low, high = one.interval
    return f"{low:.4f} to {high:.4f}"


def _rank(one: Standing) -> str:
    return f"{one.rank}" + (f", shared with {one.n_sharing} more" if one.n_sharing else "")
