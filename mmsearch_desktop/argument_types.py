"""What may be written for a number or a day on the command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import QueryProblem

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date


def limit(text: str) -> int:
    from mmsearch_desktop.search.query import LIMIT_MOST

    number = int(text)
    if not 1 <= number <= LIMIT_MOST:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {LIMIT_MOST:,}")
    return number


def depth(text: str) -> int:
    from mmsearch_desktop.search.judging import MOST_DEPTH

    number = int(text)
    if not 1 <= number <= MOST_DEPTH:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {MOST_DEPTH}")
    return number


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is no number from 0 on")
    return number


def weight(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number from 0 on")
    return number


def first_day(text: str) -> date:
    from mmsearch_desktop.search.days import first_day

    return _as_argument(first_day, text)


def last_day(text: str) -> date:
    from mmsearch_desktop.search.days import last_day

    return _as_argument(last_day, text)


def _as_argument(day: Callable[[str], date], text: str) -> date:
    try:
        return day(text)
    except QueryProblem as error:
        raise argparse.ArgumentTypeError(str(error)) from error
