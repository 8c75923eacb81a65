"""Decoding ahead: in order, a content once with its first file, and never too many pixels."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.library.prepare import DecodeAhead, Outcome, Prepared, Unreadable, _Turn
from mmsearch_desktop.library.scan import FoundFile, scan_folder
from mmsearch_desktop.library.stores import Library
from tests.fakes import ColourEmbedder
from tests.library.pictures import write_photo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", reserve_bytes=0) as opened:
        yield opened


def _files(folder: Path) -> list[FoundFile]:
    return [found for found in scan_folder(folder) if isinstance(found, FoundFile)]


def _prepared(outcome: Outcome | None) -> Prepared:
    assert isinstance(outcome, Prepared)
    return outcome


def test_a_content_comes_with_its_first_file(library: Library, tmp_path: Path) -> None:
    for number in range(12):
        write_photo(tmp_path / "photos" / f"{number:02}.png", ("red", "blue")[number % 2])
    (tmp_path / "photos" / "05.png").write_bytes(b"broken")
    ahead = DecodeAhead(_files(tmp_path / "photos"), library, ColourEmbedder())
    outcomes = list(ahead)
    ahead.close()
    assert [one.file.path.name for one in outcomes] == [f"{n:02}.png" for n in range(12)]
    assert isinstance(outcomes.pop(5), Unreadable)
    assert [_prepared(one).needs_vector for one in outcomes] == [True, True] + [False] * 9
    assert [_prepared(one).decoded is None for one in outcomes] == [False, False] + [True] * 9


def test_a_file_that_overtakes_another_does_not_keep_their_content(
    library: Library, tmp_path: Path
) -> None:
    for name in "ab":
        write_photo(tmp_path / "photos" / f"{name}.png", "red")
    first, second = (_Turn(i, file) for i, file in enumerate(_files(tmp_path / "photos")))
    ahead = DecodeAhead([], library, ColourEmbedder())
    overtaking = ahead._prepare_ahead(second)
    for turn, outcome in ((first, ahead._prepare_ahead(first)), (second, overtaking)):
        future: Future[Outcome | None] = Future()
        future.set_result(outcome)
        ahead._queue.append((turn, future))
    outcomes = [_prepared(outcome) for outcome in ahead]
    ahead.close()
    assert [one.decoded is None for one in outcomes] == [False, True]
    assert [one.needs_vector for one in outcomes] == [True, False]
    assert ahead._bytes_waiting == 0


def test_few_pixels_wait_however_many_files_may(library: Library, tmp_path: Path) -> None:
    for number in range(30):
        write_photo(tmp_path / "photos" / f"{number:02}.png", "red", (100 + number, 100))
    ahead = DecodeAhead(
        _files(tmp_path / "photos"), library, ColourEmbedder(batch_size=20), most_bytes=50_000
    )
    waiting = []
    names = []
    for outcome in ahead:
        wait([future for _, future in ahead._queue])
        waiting.append(ahead._bytes_waiting)
        names.append(_prepared(outcome).file.path.name)
        assert _prepared(outcome).decoded is not None
    ahead.close()
    assert names == sorted(names)
    assert len(names) == 30
    assert 0 < max(waiting) < 50_000 + ahead._pool._max_workers * 40_000
    assert ahead._bytes_waiting == 0
