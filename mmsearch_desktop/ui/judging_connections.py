"""Puts judging into the window: who tells it what, what its bar does, its lines in the menus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsearch_desktop.domain import DeviceOutOfMemory
from mmsearch_desktop.models.judge_offers import JUDGES
from mmsearch_desktop.ui.judging_desk import JudgingDesk
from mmsearch_desktop.ui.menus import Entry
from mmsearch_desktop.ui.progress_strip import duration

if TYPE_CHECKING:
    from mmsearch_desktop.models.offers import Offer
    from mmsearch_desktop.ui.engine import Engine
    from mmsearch_desktop.ui.models_desk import ModelsDesk
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.search_desk import SearchDesk
    from mmsearch_desktop.ui.window_parts import WindowParts


def make_judging(
    parts: WindowParts, engine: Engine, preferences: Preferences, search: SearchDesk
) -> JudgingDesk:
    """Follows what is searched for and found."""
    desk = JudgingDesk(parts.results_model, parts.results, engine, preferences)
    search.answered.connect(desk.begin)
    search.searching.began.connect(desk.overtake)
    search.searching.failed.connect(desk.leave)
    search.searching.failed.connect(lambda error: _make_room(desk, error))
    search.browsing.began.connect(desk.leave)
    engine.ready.connect(desk.start)
    engine.not_ready.connect(lambda error: _make_room(desk, error))
    _connect_bar(desk, parts)
    return desk


def connect_models(desk: JudgingDesk, models: ModelsDesk, preferences: Preferences) -> None:
    """A judge whose files come is taken where the chosen one has none."""

    def came(offer: Offer) -> None:
        if offer not in JUDGES:
            return
        if offer.name != preferences.judge and not models.has_judge():
            preferences.change(judge=offer.name)
            models.renew()
        desk.judge_came()

    models.model_came.connect(came)
    models.judge_chosen.connect(lambda: desk.choices_changed({"judge"}))


def entries(desk: JudgingDesk) -> tuple[Entry, ...]:
    return (
        Entry("&Judge these hits", desk.judge_now, "Ctrl+J"),
        Entry("S&top judging", desk.stop, "Ctrl+."),
        Entry("&Original or judged order", desk.order.toggle, "F6"),
        Entry("&Undo the judging", desk.reset, "Ctrl+Shift+J"),
    )


def note(desk: JudgingDesk) -> str:
    """How judging goes on this computer, for the settings."""
    outlook = desk.keeper.outlook
    if outlook is None:
        return "" if desk.keeper.problem is None else str(desk.keeper.problem).partition("\n")[0]
    seconds = desk.seconds_per_photo
    each = f"about {duration(seconds)}" if seconds >= 1 else "less than a second"
    return f"{outlook.sentence} {each.capitalize()} for each hit here."


def _connect_bar(desk: JudgingDesk, parts: WindowParts) -> None:
    bar = parts.judging
    desk.changed.connect(bar.show_state)
    pages, photos = parts.pages, parts.results
    pages.currentChanged.connect(lambda: bar.show_beside(photos=pages.currentWidget() is photos))
    bar.stop_wanted.connect(desk.stop)
    bar.judge_wanted.connect(desk.judge_now)
    bar.toggle_wanted.connect(desk.order.toggle)
    bar.reset_wanted.connect(desk.reset)
    bar.move_wanted.connect(desk.order.move_now)


def _make_room(desk: JudgingDesk, error: Exception) -> None:
    if isinstance(error, DeviceOutOfMemory):
        desk.make_room()
