"""Rows, roles and texts of the results, and that every change keeps the rules of item models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QLocale, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from mmsearch_desktop.domain import Hit, Photo, Similarities, Standing, Verdict
from mmsearch_desktop.library.thumbnails import Thumbnails
from mmsearch_desktop.ui.results_model import (
    HIT_ROLE,
    PATH_ROLE,
    PHOTO_ROLE,
    SCORE_ROLE,
    ResultsModel,
    decimals,
    facts,
    mime_data_of,
    one_line,
    similarities_line,
    written,
)
from mmsearch_desktop.ui.thumbnail_loader import ThumbnailLoader
from tests.fakes import flat_picture
from tests.ui.photos_made_up import hit, hits, moved, photo, photos

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

Role = Qt.ItemDataRole


@pytest.fixture
def model(qapp: object) -> ResultsModel:
    made = ResultsModel()
    fatal = QAbstractItemModelTester.FailureReportingMode.Fatal
    QAbstractItemModelTester(made, fatal, made)
    return made


def told(model: ResultsModel, row: int, role: int = Role.DisplayRole) -> object:
    return model.data(model.index(row), role)


def ids(model: ResultsModel) -> list[int]:
    shown = [told(model, row, PHOTO_ROLE) for row in range(model.rowCount())]
    return [each.id for each in shown if isinstance(each, Photo)]


def test_hits_and_their_roles(model: ResultsModel) -> None:
    shown = hits(3)
    model.show_hits(shown)
    assert model.rowCount() == 3
    assert model.shows_hits
    assert model.hits == tuple(shown)
    assert told(model, 0) == "photo 000001.jpg"
    assert told(model, 0, HIT_ROLE) == shown[0]
    assert told(model, 0, PHOTO_ROLE) == shown[0].photo
    assert told(model, 0, PATH_ROLE) == Path("/photos/photo 000001.jpg")
    assert told(model, 0, SCORE_ROLE) == shown[0].score
    assert told(model, 0, Role.AccessibleTextRole) == "photo 000001.jpg, hit 1, score 0.99"
    assert told(model, 0, Role.AccessibleDescriptionRole) == told(model, 0, Role.ToolTipRole)
    assert told(model, 0, Role.DecorationRole) is None


def test_photos_and_their_roles(model: ResultsModel) -> None:
    model.show_photos(photos(3))
    assert not model.shows_hits
    assert told(model, 1, HIT_ROLE) is None
    assert told(model, 1, SCORE_ROLE) is None
    assert told(model, 1, PHOTO_ROLE) == photo(1)
    assert told(model, 1, Role.AccessibleTextRole) == "photo 000001.jpg"
    assert model.data(QModelIndex(), Role.DisplayRole) is None
    assert model.rowCount(model.index(0)) == 0


def test_photos_are_appended_and_prepended_once(model: ResultsModel) -> None:
    model.show_photos(photos(3))
    model.append_photos(photos(3, start=2))
    model.prepend([photo(9), photo(0), photo(8)])
    model.append_photos([])
    assert ids(model) == [9, 8, 0, 1, 2, 3, 4]


def test_hits_are_not_disturbed_by_arrivals(model: ResultsModel) -> None:
    model.show_hits(hits(2))
    for add in (model.append_photos, model.prepend, model.arrived):
        add(photos(5, start=50))
    assert ids(model) == [1, 2]


def test_arrivals_take_their_place_in_time(model: ResultsModel) -> None:
    model.show_photos([photo(number) for number in (2, 4, 6, 8)])
    model.arrived([photo(number) for number in (9, 5, 1, 7, 3, 0)])
    assert ids(model) == list(range(10))


def test_the_time_taken_goes_before_the_time_of_the_file(model: ResultsModel) -> None:
    model.show_photos(photos(3))
    old = dataclasses.replace(photo(7), modified_ns=2 * 10**18, taken=datetime(1999, 1, 1))
    new = dataclasses.replace(photo(8), modified_ns=0, taken=datetime(2030, 1, 1))
    model.arrived([old, new])
    assert ids(model) == [8, 0, 1, 2, 7]


def test_an_arrival_that_is_here_already_takes_its_own_place(
    model: ResultsModel, qtbot: QtBot
) -> None:
    model.show_photos(photos(3))
    changed = dataclasses.replace(photo(1), size_bytes=5)
    with qtbot.waitSignal(model.dataChanged) as heard:
        model.arrived([changed])
    assert heard.args[0].row() == 1
    assert told(model, 1, PHOTO_ROLE) == changed
    assert model.rowCount() == 3


def test_an_arrival_with_another_time_takes_another_place(model: ResultsModel) -> None:
    model.show_photos(photos(5))
    newer = dataclasses.replace(photo(3), modified_ns=photo(0).modified_ns + 1000, sha256="f" * 64)
    model.arrived([newer])
    assert model.photos == (newer, photo(0), photo(1), photo(2), photo(4))
    assert model.row_near(photo(1)) == 2


@given(st.lists(st.lists(st.integers(0, 60), max_size=12), max_size=6))
def test_arrivals_in_any_batches_give_the_catalogues_order(batches: list[list[int]]) -> None:
    model = ResultsModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    for batch in batches:
        model.arrived([photo(number) for number in batch])
    assert ids(model) == sorted({number for batch in batches for number in batch})


def test_photos_are_removed(model: ResultsModel) -> None:
    model.show_photos(photos(10))
    last = QPersistentModelIndex(model.index(9))
    model.remove_photos([0, 1, 5, 7, 8, 99])
    assert ids(model) == [2, 3, 4, 6, 9]
    assert last.row() == 4
    model.append_photos([photo(5)])
    assert ids(model)[-1] == 5


def test_a_new_order_keeps_indexes_with_their_contents(model: ResultsModel, qtbot: QtBot) -> None:
    shown = hits(5)
    model.show_hits(shown)
    kept = [QPersistentModelIndex(model.index(row)) for row in range(5)]
    order = [3, 0, 4, 1, 2]
    with qtbot.waitSignals([model.layoutAboutToBeChanged, model.layoutChanged]):
        model.update_hits([moved(shown[old], rank) for rank, old in enumerate(order, start=1)])
    assert [index.row() for index in kept] == [1, 3, 4, 0, 2]
    assert told(model, 0, Role.AccessibleTextRole) == (
        "photo 000004.jpg, hit 1 by the judge, 4 by the search, score 0.96"
    )


def test_the_same_order_changes_only_what_differs(model: ResultsModel) -> None:
    shown = hits(4)
    model.show_hits(shown)
    changes: list[int] = []
    model.dataChanged.connect(lambda first, _last: changes.append(first.row()))
    judged = dataclasses.replace(shown[2], verdict=Verdict(0.9, "a cat", "judge"))
    model.update_hits([*shown[:2], judged, shown[3]])
    assert changes == [2]
    assert model.hits[2] == judged
    model.replace_hit(shown[2])
    model.replace_hit(hit(50))
    assert changes == [2, 2]
    assert model.hits == tuple(shown)


@pytest.mark.parametrize(
    "others",
    [lambda: hits(4), lambda: [*hits(2), hit(9)], lambda: [hit(1), hit(1), hit(2)], list],
    ids=["more", "another", "twice the same", "none"],
)
def test_other_contents_replace_all(
    model: ResultsModel, qtbot: QtBot, others: Callable[[], list[Hit]]
) -> None:
    model.show_hits(hits(3))
    with qtbot.waitSignal(model.modelReset):
        model.update_hits(others())
    assert model.hits == tuple(others())


def test_clearing(model: ResultsModel) -> None:
    model.show_hits(hits(3))
    model.clear()
    assert model.rowCount() == 0
    model.append_photos(photos(2))
    assert model.rowCount() == 2


def test_the_tooltip_of_a_hit(model: ResultsModel) -> None:
    shown = dataclasses.replace(
        hit(1),
        copies=tuple(Path(f"/elsewhere/{number}.jpg") for number in range(5)),
        verdict=Verdict(0.93, "It shows <b>a cat</b>.\nOn a chair.", "Phi-3"),
    )
    model.show_hits([shown])
    decimal = QLocale().decimalPoint()
    assert str(told(model, 0, Role.ToolTipRole)).split("\n") == [
        "photo 000001.jpg",
        "/photos",
        f"4032 × 3024 pixels · 3{decimal}4 MB · JPEG",
        facts(photo(1)).split("\n")[3],  # when
        "Copy: /elsewhere/0.jpg",
        "Copy: /elsewhere/1.jpg",
        "Copy: /elsewhere/2.jpg",
        "and 2 more copies",
        "",
        "words 0.31 · picture 0.87 · together 0.64",
        "",
        "93 % match, judged by Phi-3",
        "It shows ‹b›a cat‹/b›. On a chair.",
    ]


def test_parts_that_were_not_asked_for_are_left_out(model: ResultsModel) -> None:
    assert similarities_line(Similarities(picture=0.5)) == "picture 0.50"
    assert similarities_line(Similarities()) == ""
    model.show_hits([dataclasses.replace(hit(1), similarities=Similarities())])
    assert str(told(model, 0, Role.ToolTipRole)).endswith("\n\nsimilarity 0.99")


def test_a_judgement_is_bounded_and_may_be_missing(model: ResultsModel) -> None:
    long = dataclasses.replace(hit(1), verdict=Verdict(1.0, "word " * 1000, "judge"))
    being = dataclasses.replace(hit(2), verdict=Verdict(None, "", "judge", Standing.JUDGING))
    silent = dataclasses.replace(hit(3), verdict=Verdict(0.5, "", "judge"))
    model.show_hits([long, being, silent])
    assert len(str(told(model, 0, Role.ToolTipRole))) < 900
    assert str(told(model, 0, Role.ToolTipRole)).endswith("…")
    assert str(told(model, 1, Role.ToolTipRole)).endswith("\n\nBeing judged by judge…")
    assert str(told(model, 2, Role.ToolTipRole)).endswith("\n\n50 % match, judged by judge")


def test_the_date_is_told_where_it_is_known() -> None:
    taken = dataclasses.replace(photo(1), taken=datetime(2024, 5, 12, 18, 3, 7))
    month = QLocale().monthName(5)
    assert f"\nTaken 12 {month} 2024, " in facts(taken)
    assert "Taken" not in facts(photo(1))
    changed = datetime.fromtimestamp(photo(1).modified_ns // 10**9).astimezone()
    assert f"\nFile changed {changed.day} " in facts(photo(1))
    assert facts(photo(1)).endswith("; no date taken")


def test_two_decimals_without_a_negative_zero() -> None:
    assert [decimals(value) for value in (-0.001, -0.2, 0.005, 1)] == [
        "0.00",
        "-0.20",
        "0.01",
        "1.00",
    ]


def test_names_cannot_break_lines_or_turn_the_text() -> None:
    nasty = "a\nb\tc\u202egnp.exe\x00\udce9"
    assert one_line(nasty) == "a�b�c�gnp.exe��"
    assert one_line("猫 – naïve شجرة 😀.jpg") == "猫 – naïve شجرة 😀.jpg"


@given(st.text(st.characters(codec=None)))
def test_any_name_is_shown_on_one_line(text: str) -> None:
    shown = one_line(text)
    assert len(shown) == len(text)
    assert len(shown.splitlines()) <= 1
    shown.encode()


def test_addresses_survive_copying() -> None:
    names = ["with space.jpg", "a\nb.jpg", "#1 100%.jpg", "猫.jpg", "caf\udce9.jpg"]
    data = mime_data_of(written([Path("/photos") / name for name in names]))
    assert [bytes(url.toEncoded().data()).decode() for url in data.urls()] == [
        "file:///photos/with%20space.jpg",
        "file:///photos/a%0Ab.jpg",
        "file:///photos/%231%20100%25.jpg",
        "file:///photos/%E7%8C%AB.jpg",
        "file:///photos/caf%E9.jpg",
    ]
    assert [url.toLocalFile() for url in data.urls()][:4] == [f"/photos/{n}" for n in names[:4]]
    assert data.text().startswith("/photos/with space.jpg\n/photos/a\nb.jpg\n")
    assert data.text().endswith("/photos/caf�.jpg")


def test_dragging_gives_the_files_as_copies_only(model: ResultsModel) -> None:
    model.show_hits(hits(4))
    data = model.mimeData([model.index(2), model.index(0)])
    assert [url.toLocalFile() for url in data.urls()] == [
        "/photos/photo 000001.jpg",
        "/photos/photo 000003.jpg",
    ]
    assert model.supportedDragActions() == Qt.DropAction.CopyAction
    assert model.flags(model.index(0)) & Qt.ItemFlag.ItemIsDragEnabled
    assert model.flags(QModelIndex()) == Qt.ItemFlag.NoItemFlags


def test_a_thumbnail_that_comes_changes_its_rows(qtbot: QtBot, tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path)
    thumbnails.save(photo(2).sha256, flat_picture("red"))
    loader = ThumbnailLoader(thumbnails, side_pixels=20)
    model = ResultsModel(loader)
    copy = dataclasses.replace(photo(7), sha256=photo(2).sha256)
    model.show_photos([*photos(5), copy])
    assert told(model, 2, Role.DecorationRole) is None
    changes: list[tuple[int, list[int]]] = []
    model.dataChanged.connect(lambda first, _last, roles: changes.append((first.row(), roles)))
    model.want(range(6))
    qtbot.waitUntil(lambda: len(changes) == 2)
    assert changes == [(2, [Role.DecorationRole]), (5, [Role.DecorationRole])]
    assert told(model, 5, Role.DecorationRole) is not None
    loader.close()


def test_the_loader_can_come_later(qtbot: QtBot, tmp_path: Path, model: ResultsModel) -> None:
    model.want([])
    model.set_thumbnail_side(50)
    model.show_photos(photos(2))
    loader = ThumbnailLoader(Thumbnails(tmp_path))
    with qtbot.waitSignal(model.dataChanged):
        model.set_loader(loader)
    model.set_thumbnail_side(50)
    assert loader.side_pixels == 50
    model.set_loader(None)
    assert told(model, 0, Role.DecorationRole) is None
    loader.close()
