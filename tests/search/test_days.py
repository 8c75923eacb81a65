"""Days as they are written, and as they are told."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import QueryProblem
from mmsearch_desktop.search.days import first_day, in_words, last_day


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023-2", date(2023, 2, 1), date(2023, 2, 28)),
        (" 2024-06-07 ", date(2024, 6, 7), date(2024, 6, 7)),
    ],
)
def test_a_year_a_month_or_a_day(text: str, first: date, last: date) -> None:
    assert (first_day(text), last_day(text)) == (first, last)


@pytest.mark.parametrize("text", ["", "24", "today", "2024-13", "2024-02-30", "0000", "1.6.2024"])
def test_what_is_no_day_is_said_with_what_to_write(text: str) -> None:
    with pytest.raises(QueryProblem, match=r"is no day\. Write 2024-06-01, 2024-06 for the month"):
        first_day(text)


@given(st.text(st.sampled_from("0123456789-. ²٣"), max_size=11))
def test_any_text_is_days_in_order_or_no_day(text: str) -> None:
    with contextlib.suppress(QueryProblem):
        assert first_day(text) <= last_day(text)


@given(st.dates())
def test_what_is_told_can_be_written(day: date) -> None:
    written = in_words(day, day).removeprefix("from ")
    assert (first_day(written), last_day(written)) == (day, day)


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        (None, None, ""),
        (date(2024, 1, 1), date(2024, 12, 31), "from 2024"),
        (date(2024, 2, 1), date(2024, 2, 29), "from 2024-02"),
        (date(2024, 2, 1), date(2024, 2, 28), "from 2024-02-01 to 2024-02-28"),
        (date(2024, 6, 7), None, "from 2024-06-07 or later"),
        (None, date(2024, 6, 7), "from 2024-06-07 or earlier"),
    ],
)
def test_days_in_words(since: date | None, until: date | None, told: str) -> None:
    assert in_words(since, until) == told
