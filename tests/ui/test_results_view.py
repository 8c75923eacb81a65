"""What can be done with the photos in the grid, and what 100,000 of them cost."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QModelIndex, QPoint, QPointF, QRect, QSize, QStringListModel, Qt
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QContextMenuEvent,
    QHelpEvent,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QToolTip

from mmsearch_desktop.domain import Hit, Verdict
from mmsearch_desktop.library.thumbnails import Thumbnails
from mmsearch_desktop.ui.results_delegate import fitted
from mmsearch_desktop.ui.results_model import PHOTO_ROLE, ResultsModel
from mmsearch_desktop.ui.results_view import LARGEST_PICTURE, SMALLEST_PICTURE, ResultsView
from mmsearch_desktop.ui.thumbnail_loader import ThumbnailLoader
from tests.fakes import flat_picture
from tests.ui.photos_made_up import hit, hits, moved, photo, photos

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

Key = Qt.Key
Plain = Qt.KeyboardModifier.NoModifier
Shift, Control = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
Left = Qt.MouseButton.LeftButton


class CountingModel(ResultsModel):
    """Remembers how often each row was asked about."""

    def __init__(self, loader: ThumbnailLoader | None = None) -> None:
        super().__init__(loader)
        self.asked: Counter[int] = Counter()
        self.wanted: list[list[int]] = []

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        self.asked[index.row()] += 1
        return super().data(index, role)

    def want(self, rows: Any) -> None:
        self.wanted.append(list(rows))
        super().want(rows)


@pytest.fixture
def model(qapp: object) -> CountingModel:
    return CountingModel()


@pytest.fixture
def view(qtbot: QtBot, model: CountingModel) -> Iterator[ResultsView]:
    shown = ResultsView()
    shown.setModel(model)
    shown.resize(800, 600)
    qtbot.addWidget(shown)
    with qtbot.waitExposed(shown):
        shown.show()
    shown.activateWindow()
    shown.setFocus()
    yield shown
    QToolTip.hideText()


def middle(view: ResultsView, row: int) -> QPoint:
    return view.visualRect(view.model().index(row, 0)).center()


def click(view: ResultsView, row: int, modifier: Qt.KeyboardModifier = Plain) -> None:
    QTest.mouseClick(view.viewport(), Left, modifier, middle(view, row))


def name(number: int) -> Path:
    return photo(number).path


def hover_for_tip(view: ResultsView, place: QPoint) -> None:
    event = QHelpEvent(QHelpEvent.Type.ToolTip, place, view.viewport().mapToGlobal(place))
    QApplication.sendEvent(view.viewport(), event)


def open_menu(view: ResultsView) -> QMenu:
    return next(menu for menu in view.findChildren(QMenu) if menu.isVisible())


def test_100_000_photos_cost_what_the_visible_ones_do(
    qtbot: QtBot, view: ResultsView, model: CountingModel
) -> None:
    model.show_photos(photos(100_000))
    bar = view.verticalScrollBar()
    steps: tuple[Callable[[], object], ...] = (
        lambda: bar.setValue(bar.maximum() // 2),
        lambda: bar.setValue(bar.value() + 150),
        lambda: view.resize(900, 500),
        lambda: model.arrived([photo(100_001)]),
        lambda: model.prepend([photo(200_000)]),
        view.selectAll,
        lambda: bar.setValue(bar.maximum()),
        lambda: QTest.keyClick(view, Key.Key_Home),
    )
    for step in steps:
        before = view.rows_in_view()
        model.asked.clear()
        step()
        view.viewport().repaint()
        after = view.rows_in_view()
        assert set(model.asked) <= {*after, *before}
        assert model.asked.total() <= 6 * (len(after) + len(before))
    assert len(view.selected_paths()) >= 1


def test_thumbnails_are_asked_for_nearest_first(
    qtbot: QtBot, view: ResultsView, model: CountingModel
) -> None:
    model.show_photos(photos(1000))
    view.verticalScrollBar().setValue(5_000)
    view.viewport().repaint()
    rows = view.rows_in_view()
    wanted = model.wanted[-1]
    assert wanted[: len(rows)] == list(rows)
    assert wanted[len(rows) : 2 * len(rows)] == list(range(rows.stop, rows.stop + len(rows)))
    assert wanted[2 * len(rows) :] == list(range(rows.start - 1, rows.start - len(rows) - 1, -1))
    view.viewport().repaint()
    count = len(model.wanted)
    view.viewport().repaint()
    assert len(model.wanted) == count
    model.show_photos(photos(1000, start=5000))
    view.viewport().repaint()
    assert model.wanted[-1][0] == 0


def test_a_thumbnail_appears_on_screen(qtbot: QtBot, tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path)
    thumbnails.save(photo(1).sha256, flat_picture("red", (384, 256)))
    thumbnails.save(photo(2).sha256, flat_picture("blue", (100, 300)))
    loader = ThumbnailLoader(thumbnails)
    view, model = ResultsView(), ResultsModel(loader)
    view.setModel(model)
    view.resize(800, 600)
    qtbot.addWidget(view)
    view.show()
    model.show_hits([hit(1), hit(2), hit(3)])

    def colour(row: int) -> QColor:
        return view.viewport().grab().toImage().pixelColor(middle(view, row) - QPoint(0, 12))

    qtbot.waitUntil(lambda: colour(0).red() > 200 and colour(0).blue() < 60)
    qtbot.waitUntil(lambda: colour(1).blue() > 200 and colour(1).red() < 60)
    assert colour(2).red() == pytest.approx(colour(2).blue(), abs=30)
    loader.close()


@pytest.mark.parametrize("dark", [False, True])
def test_colours_follow_the_palette(view: ResultsView, model: CountingModel, *, dark: bool) -> None:
    base, text = ("#202226", "#eeeeee") if dark else ("#ffffff", "#111111")
    # By a sheet, which goes before the one that a window in an earlier test left the application.
    view.setStyleSheet(
        f"QListView {{ background: {base}; color: {text}; selection-background-color: #3366dd; }}"
    )
    model.show_photos(photos(4))
    click(view, 1)
    shot = view.viewport().grab().toImage()
    selected = shot.pixelColor(view.visualRect(model.index(1)).topLeft() + QPoint(6, 40))
    plain = shot.pixelColor(view.visualRect(model.index(2)).topLeft() + QPoint(3, 40))
    assert plain == QColor(base)
    assert selected.blue() > selected.red()
    assert (selected.lightness() < 128) == dark


@pytest.mark.parametrize("key", [Key.Key_Return, Key.Key_Enter])
def test_enter_opens_the_current_photo(
    qtbot: QtBot, view: ResultsView, model: CountingModel, key: Key
) -> None:
    model.show_hits(hits(5))
    QTest.keyClick(view, Key.Key_Right)  # from the first, which is current at once
    with qtbot.waitSignal(view.open_requested) as heard:
        QTest.keyClick(view, key)
    assert heard.args == [name(2)]


def test_a_double_click_opens(qtbot: QtBot, view: ResultsView, model: CountingModel) -> None:
    model.show_hits(hits(5))
    click(view, 3)
    with qtbot.waitSignal(view.open_requested) as heard:
        QTest.mouseDClick(view.viewport(), Left, Plain, middle(view, 3))
    assert heard.args == [name(4)]


def test_a_double_click_beside_opens_nothing(
    qtbot: QtBot, view: ResultsView, model: CountingModel
) -> None:
    model.show_hits(hits(2))
    with qtbot.assertNotEmitted(view.open_requested):
        QTest.mouseDClick(view.viewport(), Left, Plain, QPoint(700, 550))


def test_copying_paths_in_the_order_shown(
    qtbot: QtBot, view: ResultsView, model: CountingModel
) -> None:
    model.show_hits(hits(6))
    click(view, 4)
    click(view, 1, Control)
    with qtbot.waitSignal(view.copy_path_requested) as heard:
        QTest.keyClick(view, Key.Key_C, Control)
    assert heard.args == [[name(2), name(5)]]
    QTest.keyClick(view, Key.Key_A, Control)
    assert view.selected_paths() == [name(number) for number in range(1, 7)]


def test_every_action_has_its_key(qtbot: QtBot, view: ResultsView, model: CountingModel) -> None:
    model.show_hits(hits(3))
    click(view, 1)
    for signal, key, modifier in (
        (view.copy_image_requested, Key.Key_C, Control | Shift),
        (view.search_with_requested, Key.Key_Return, Control),
        (view.show_in_folder_requested, Key.Key_Return, Control | Shift),
    ):
        with qtbot.waitSignal(signal) as heard:
            QTest.keyClick(view, key, modifier)
        assert heard.args == [name(2)]


def test_nothing_is_asked_for_without_a_photo(qtbot: QtBot, view: ResultsView) -> None:
    with (
        qtbot.assertNotEmitted(view.open_requested),
        qtbot.assertNotEmitted(view.copy_path_requested),
    ):
        QTest.keyClick(view, Key.Key_Return)
        QTest.keyClick(view, Key.Key_C, Control)
    assert view.current_path() is None


def test_the_menu_under_the_mouse(qtbot: QtBot, view: ResultsView, model: CountingModel) -> None:
    model.show_hits(hits(5))
    click(view, 0)
    place = middle(view, 2)
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place)
    )
    QApplication.sendEvent(view.viewport(), event)
    menu = open_menu(view)
    texts = [a.text().replace("&", "") for a in menu.actions() if not a.isSeparator()]
    assert texts == [
        "Open",
        "Search with this photo",
        "Show in folder",
        "Copy path",
        "Copy picture",
    ]
    assert view.selected_paths() == [name(3)]
    with qtbot.waitSignal(view.search_with_requested) as heard:
        QTest.keyClick(menu, Key.Key_Down)
        QTest.keyClick(menu, Key.Key_Down)
        QTest.keyClick(menu, Key.Key_Return)
    assert heard.args == [name(3)]


def test_the_menu_by_key_keeps_what_is_selected(
    qtbot: QtBot, view: ResultsView, model: CountingModel
) -> None:
    model.show_hits(hits(5))
    click(view, 0)
    click(view, 2, Shift)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), QPoint(0, 0))
    QApplication.sendEvent(view, event)
    menu = open_menu(view)
    assert "&Copy 3 paths" in [action.text() for action in menu.actions()]
    assert menu.pos().y() > view.mapToGlobal(QPoint(0, 0)).y() + 20
    menu.close()


def test_no_menu_beside_the_photos(view: ResultsView, model: CountingModel) -> None:
    model.show_hits(hits(1))
    place = QPoint(700, 500)
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place)
    )
    QApplication.sendEvent(view.viewport(), event)
    assert not [menu for menu in view.findChildren(QMenu) if menu.isVisible()]


def test_the_tooltip_shows_names_as_they_are(view: ResultsView, model: CountingModel) -> None:
    odd = dataclasses.replace(photo(1), path=Path("/photos/<b>x & y.jpg"))
    model.show_hits([dataclasses.replace(hit(1), photo=odd)])
    hover_for_tip(view, middle(view, 0))
    assert QToolTip.isVisible()
    assert "&lt;b&gt;x &amp; y.jpg<br>/photos<br>" in QToolTip.text()
    assert "<b>" not in QToolTip.text()
    assert "words 0.31 · picture 0.87 · together 0.64" in QToolTip.text()


def test_the_tooltip_grows_while_it_is_read(
    qtbot: QtBot, view: ResultsView, model: CountingModel
) -> None:
    model.show_hits(hits(3))
    QTest.mouseMove(view.viewport(), middle(view, 1))
    hover_for_tip(view, middle(view, 1))
    assert "judged" not in QToolTip.text()
    model.replace_hit(dataclasses.replace(hit(2), verdict=Verdict(0.9, "a cat", "judge")))
    assert "90 % match, judged by judge<br>a cat" in QToolTip.text()
    model.replace_hit(dataclasses.replace(hit(1), verdict=Verdict(0.1, "a dog", "judge")))
    assert "a dog" not in QToolTip.text()


def test_no_tooltip_beside_the_photos(
    qtbot: QtBot, view: ResultsView, model: CountingModel
) -> None:
    model.show_hits(hits(1))
    hover_for_tip(view, middle(view, 0))
    hover_for_tip(view, QPoint(700, 550))
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


def test_a_new_order_keeps_selection_and_current(view: ResultsView, model: CountingModel) -> None:
    shown = hits(5)
    model.show_hits(shown)
    click(view, 4)
    model.update_hits([moved(each, rank) for rank, each in enumerate(shown[::-1], start=1)])
    assert view.selected_paths() == [name(5)]
    assert view.currentIndex().row() == 0
    assert view.verticalScrollBar().value() == 0


def test_arrivals_keep_what_is_looked_at(view: ResultsView, model: CountingModel) -> None:
    model.show_photos(photos(500, start=100))
    view.verticalScrollBar().setValue(4_000)
    kept = view.model().index(view.rows_in_view().start, 0).data(PHOTO_ROLE)
    for number in range(60):
        model.arrived([photo(number)])
    columns = 4
    rows = view.rows_in_view()[:columns]
    assert kept in [view.model().index(row, 0).data(PHOTO_ROLE) for row in rows]


def test_another_list_can_be_shown_from_the_same_photo_on(
    view: ResultsView, model: CountingModel
) -> None:
    model.show_photos(photos(500))
    assert view.first_in_view() is None
    view.verticalScrollBar().setValue(4_000)
    first = view.first_in_view()
    assert first is not None
    kept = model.photos[first]
    model.show_photos([photo for photo in photos(500) if photo.id % 2 or photo == kept])
    view.show_first(model.row_near(kept))
    rows = view.rows_in_view()
    assert kept.id in [model.photos[row].id for row in rows[:8]]


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(1.0, (200, 100)), (2.0, (150, 75))],
    ids=["plain screen", "fine screen"],
)
def test_small_pictures_are_not_blown_up(ratio: float, shown: tuple[int, int]) -> None:
    target = fitted(QRect(0, 0, 400, 300), QSize(200, 100), ratio)
    assert (target.width(), target.height()) == shown


def test_a_thumbnail_fills_its_cell_on_a_fine_screen() -> None:
    target = fitted(QRect(0, 0, 216, 166), QSize(384, 256), 2.0)
    assert target.width() == 216


def test_zooming_by_key_and_wheel(qtbot: QtBot, view: ResultsView, model: CountingModel) -> None:
    model.show_photos(photos(300))
    view.set_picture_pixels(180)
    with qtbot.waitSignal(view.picture_pixels_changed) as heard:
        QTest.keyClick(view, Key.Key_Plus, Control)
    assert heard.args == [216]
    QTest.keyClick(view, Key.Key_Minus, Control)
    assert view.picture_pixels == 180
    wheel = QWheelEvent(
        QPointF(50, 50),
        QPointF(view.mapToGlobal(QPoint(50, 50))),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Control,
        Qt.ScrollPhase.NoScrollPhase,
        False,  # noqa: FBT003  Qt takes it by place
    )
    QApplication.sendEvent(view.viewport(), wheel)
    assert view.picture_pixels == 150
    assert view.verticalScrollBar().value() == 0
    view.set_picture_pixels(5)
    assert view.picture_pixels == SMALLEST_PICTURE
    view.set_picture_pixels(5000)
    assert view.picture_pixels == LARGEST_PICTURE


def test_cells_fill_the_width(view: ResultsView, model: CountingModel) -> None:
    model.show_photos(photos(300))
    for width in (600, 777, 1100, 1500):
        view.resize(width, 600)
        row = [view.visualRect(model.index(number)) for number in range(20)]
        line = [cell for cell in row if cell.top() == row[0].top()]
        assert view.viewport().width() - 2 * 8 - len(line) < sum(cell.width() for cell in line)


def test_typing_is_handed_on(qtbot: QtBot, view: ResultsView, model: CountingModel) -> None:
    model.show_hits(hits(3))
    with qtbot.waitSignal(view.text_typed) as heard:
        QTest.keyClick(view, Key.Key_D)
    assert heard.args == ["d"]


def test_the_empty_view_says_why(view: ResultsView, model: CountingModel) -> None:
    blank = view.viewport().grab().toImage()
    view.set_empty_text("No photo matches <b>this</b>.")
    assert view.viewport().grab().toImage() != blank
    assert view.accessibleDescription() == "No photo matches <b>this</b>."
    model.show_hits(hits(1))
    assert view.viewport().grab().toImage() != blank


def test_what_is_dragged_is_a_copy_with_a_picture(view: ResultsView, model: CountingModel) -> None:
    model.show_hits(hits(4))
    click(view, 0)
    click(view, 2, Shift)
    data = model.mimeData([model.index(row) for row in view.selected_rows()])
    assert [url.toLocalFile() for url in data.urls()] == [
        str(path) for path in view.selected_paths()
    ]
    assert not view._drag_picture(3).isNull()
    assert view.dragEnabled()
    assert not view.acceptDrops()


def test_every_photo_has_a_name_for_screen_readers(view: ResultsView, model: CountingModel) -> None:
    model.show_hits(hits(3))
    told = QAccessible.queryAccessibleInterface(view)
    assert told.text(QAccessible.Text.Name) == "Photos"
    assert told.childCount() == 3
    item = told.child(1)
    assert item.text(QAccessible.Text.Name) == "photo 000002.jpg, hit 2, score 0.98"
    assert "together 0.64" in item.text(QAccessible.Text.Description)


def test_only_results_are_shown_here(view: ResultsView) -> None:
    with pytest.raises(TypeError, match="QStringListModel"):
        view.setModel(QStringListModel())
    other = ResultsModel()
    view.setModel(other)
    other.show_hits(hits(2))
    assert len(view.rows_in_view()) == 2
    view.setModel(None)


def test_hits_of_all_kinds_are_painted(view: ResultsView, model: CountingModel) -> None:
    kinds: list[Callable[[Hit], Hit]] = [
        lambda each: moved(each, 100),
        lambda each: dataclasses.replace(each, score=-0.5),
        lambda each: dataclasses.replace(each, photo=photo(7, "x" * 250 + ".jpg")),
    ]
    model.show_hits([change(each) for change, each in zip(kinds, hits(3), strict=True)])
    view.set_picture_pixels(SMALLEST_PICTURE)
    view.resize(90, 200)
    assert not view.viewport().grab().isNull()
    assert view.indexAt(QPoint(30, 30)) != QModelIndex()
