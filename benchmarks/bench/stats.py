"""Figures of figures: medians of ratios taken round by round, and percentiles."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

SHARES: Final = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
"""The percentiles that are told, by their names."""


class Ratio(NamedTuple):
    """How many times as long one takes as another: the median of the rounds, and their extremes."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.middle:.3g}x"


def percentiles(values: Sequence[int]) -> dict[str, int]:
    """Those of `SHARES`: of each the smallest value that so large a share does not exceed.

    Raises `ValueError` for no values.
    """
    if not values:
        raise ValueError("there are no percentiles of nothing")
    ordered = sorted(values)
    count = len(ordered)
    return {name: ordered[_rank(share, count)] for name, share in SHARES.items()}


def _rank(share: float, count: int) -> int:
    """Where the percentile stands among so many, in whole thousandths: no float decides it."""
    return -(-round(share * 1000) * count // 1000) - 1


def ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Ratio | None:
    """By round, seconds of ours and of theirs: theirs by ours in each round, and the median of that.

    A round's passes stand beside each other, so what the machine does besides falls on both. None
    where no round has both.
    """
    each = [theirs[round_] / ours[round_] for round_ in ours if round_ in theirs and ours[round_]]
    if not each:
        return None
    return Ratio(median(each), min(each), max(each))
