"""What a benchmark reports, and how it is printed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured thing: its figure, and its ratio to a baseline of the same run."""

    name: str
    figure: str
    baseline: str
    ratio: float  # figure / baseline, in the units of `figure`
    better: str  # "higher" or "lower"


def print_table(rows: Sequence[Row]) -> None:
    """As a table that can be pasted into the README."""
    print("| what | measured | beside | ratio | better |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.name} | {row.figure} | {row.baseline} | {row.ratio:.2f} | {row.better} |")


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
