"""Which photos are meant: those below a folder, of certain days; and on what day a photo lies.

A photo lies on the day it was taken. Where it does not say, it lies on the day its file was last
changed, by the clock of this computer; the catalogue keeps both as one number (`shown_us`).
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from mmsearch_desktop.domain import Photo, Query

_EPOCH = datetime(1970, 1, 1)
_FIRST_US, _END_US = -(2**63), 2**63 - 1  # of all that SQLite keeps
_ONE_DAY = timedelta(days=1)
_WITHIN = "(shown_us >= ? AND shown_us < ?)"
_IS_TAKEN = "(SELECT taken IS NOT NULL FROM contents WHERE id = content_id)"


@dataclass(frozen=True, slots=True)
class Scope:
    """All photos, where nothing is said."""

    folder: Path | None = None  # those below it
    since: date | None = None  # those of this day or later
    until: date | None = None  # those of this day or earlier

    @staticmethod
    def of(query: Query) -> Scope:
        """The photos that it is about."""
        return Scope(query.folder, query.since, query.until)

    @property
    def is_all(self) -> bool:
        return self.folder is None and not self.has_days

    @property
    def has_days(self) -> bool:
        return self.since is not None or self.until is not None

    def holds(self, photo: Photo) -> bool:
        if self.folder is not None and not photo.path.is_relative_to(self.folder):
            return False
        if not self.has_days:
            return True
        return (self.since or date.min) <= day_of(photo) <= (self.until or date.max)


ALL = Scope()


@dataclass(frozen=True, slots=True)
class ContentsOf:
    """The question for the contents of a scope, as the catalogue asks and remembers it."""

    scope: Scope
    where: str
    parameters: tuple[Any, ...]


def with_more(ids: Sequence[int], more: Iterable[int]) -> Sequence[int]:
    """Ascending, as `ids` are; the same where there is nothing new. 1 ms for 100,000."""
    new = {id_ for id_ in more if not _has(ids, id_)}
    return sorted([*ids, *new]) if new else ids


def _has(ids: Sequence[int], id_: int) -> bool:
    place = bisect.bisect_left(ids, id_)
    return place < len(ids) and ids[place] == id_


def day_of(photo: Photo) -> date:
    if photo.taken is not None:
        return photo.taken.date()
    try:
        return date.fromtimestamp(photo.modified_ns // 10**9)  # noqa: DTZ012 - a day of the person
    except (OverflowError, OSError, ValueError):  # longer ago than the system's clock knows
        return (_EPOCH + timedelta(seconds=photo.modified_ns // 10**9)).date()


def year_from(year: int) -> int:
    """A `shown_us` that no photo of this year, or a later one, lies before."""
    return _of_the_calendar(date(year, 1, 1)) - _ONE_DAY // timedelta(microseconds=1)


def year_at(shown_us: int) -> int:
    return (_EPOCH + timedelta(microseconds=shown_us)).year


def of_year(year: int, folder: Path | None = None) -> Scope:
    return Scope(folder, date(year, 1, 1), date(year, 12, 31))


def days_condition(scope: Scope) -> tuple[str, tuple[int, ...]]:
    """What rows of photos fulfil whose day the scope holds, and the numbers to bind.

    It asks for a range of `shown_us`, so that its index is used. Only at the two ends of the range,
    where calendar and clock differ, is it looked whether a photo says when it was taken.
    """
    taken = _range(scope, _of_the_calendar)
    changed = _range(scope, _of_the_clock)
    either = (min(taken[0], changed[0]), max(taken[1], changed[1]))
    if either == taken == changed:
        return _WITHIN, either
    both = (max(taken[0], changed[0]), min(taken[1], changed[1]))
    exactly = f"CASE WHEN {_IS_TAKEN} THEN {_WITHIN} ELSE {_WITHIN} END"
    return f"{_WITHIN} AND ({_WITHIN} OR {exactly})", (*either, *both, *taken, *changed)


def _range(scope: Scope, first_us: Callable[[date], int]) -> tuple[int, int]:
    begin = _FIRST_US if scope.since in (None, date.min) else first_us(scope.since)
    if scope.until is None or scope.until == date.max:
        return begin, _END_US
    return begin, first_us(scope.until + _ONE_DAY)


def _of_the_calendar(day: date) -> int:
    """Where a day begins in microseconds since 1970, without a time zone."""
    return (datetime.combine(day, time()) - _EPOCH) // timedelta(microseconds=1)


def _of_the_clock(day: date) -> int:
    """Where it begins on this computer's clock, in microseconds since 1970, UTC."""
    try:
        return int(datetime.combine(day, time()).timestamp()) * 10**6
    except (OverflowError, OSError, ValueError):  # as in `day_of`
        return _of_the_calendar(day)
