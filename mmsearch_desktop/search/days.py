"""Days as a person writes them, 2024, 2024-06 or 2024-06-01, and as a person is told of them."""

from __future__ import annotations

import calendar
import re
from datetime import date

from mmsearch_desktop.domain import QueryProblem

_WRITTEN = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")


def first_day(text: str) -> date:
    """Of the year, the month or the day written. QueryProblem where it is none."""
    return _days(text)[0]


def last_day(text: str) -> date:
    """The same, with the last day of a year or month."""
    return _days(text)[1]


def in_words(since: date | None, until: date | None) -> str:
    """Such as "from 2024", "from 2024-06-01 to 2024-08-31", or "" where no day is named."""
    if since is not None and until is not None:
        return f"from {_as_one(since, until) or f'{since} to {until}'}"
    if since is not None:
        return f"from {since} or later"
    return "" if until is None else f"from {until} or earlier"


def _as_one(since: date, until: date) -> str:
    """The year, the month or the day that these are all the days of; else ""."""
    wholes = {
        (since, since): f"{since}",
        _whole(since.year, since.month): f"{since.year:04}-{since.month:02}",
        _whole(since.year): f"{since.year:04}",
    }
    return wholes.get((since, until), "")


def _days(text: str) -> tuple[date, date]:
    written = _WRITTEN.fullmatch(text.strip())
    try:
        if written is None:
            raise ValueError
        year, month, day = (int(part) if part else None for part in written.groups())
        return _whole(year or 0, month, day)
    except ValueError as error:
        raise QueryProblem(
            f"“{text}” is no day. Write 2024-06-01, 2024-06 for the month or 2024 for the year."
        ) from error


def _whole(year: int, month: int | None = None, day: int | None = None) -> tuple[date, date]:
    """The first and the last day. ValueError where the calendar does not have it."""
    if month is None:
        return date(year, 1, 1), date(year, 12, 31)
    if day is None:
        first = date(year, month, 1)
        return first, first.replace(day=calendar.monthrange(year, month)[1])
    return date(year, month, day), date(year, month, day)
