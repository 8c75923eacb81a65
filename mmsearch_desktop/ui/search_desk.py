"""Shows what the query bar and the chosen folder ask for: hits, or the photos of the library."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.library.scope import Scope
from mmsearch_desktop.search.days import in_words
from mmsearch_desktop.ui import wording
from mmsearch_desktop.ui.searching import Browsing, Searching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmsearch_desktop.domain import Photo, Query, Results
    from mmsearch_desktop.library.catalogue import Catalogue
    from mmsearch_desktop.ui.engine import Engine, Ready
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.window_parts import WindowParts

_NO_PHOTOS = "There are no photos here yet. Drop a folder of photos on the window."


class SearchDesk(QObject):
    """Fills the results. The window decides which page is shown."""

    changed = Signal()  # what is shown
    asked = Signal()  # a query with words or a picture
    answered = Signal(object)  # Results, whose hits are shown now

    def __init__(self, parts: WindowParts, engine: Engine, preferences: Preferences) -> None:
        super().__init__()
        self._parts, self._preferences = parts, preferences
        self._engine = engine
        self._catalogue: Catalogue | None = None
        self.searching = Searching(engine.searching)
        self.browsing = Browsing(engine.housekeeping)
        self._connect()

    @property
    def query(self) -> Query:
        """What is asked now, with folder and limit."""
        settings = self._preferences.settings
        return dataclasses.replace(
            self._parts.query_bar.query(),
            folder=self._parts.panel.scope,
            limit=settings.limit,
            show_query_picture=settings.show_query_picture,
        )

    @property
    def scope(self) -> Scope:
        """The photos that are searched, or looked at."""
        return Scope.of(self.query)

    @property
    def nothing_is_asked(self) -> bool:
        return not self.query.words and self.query.picture is None

    def open(self, catalogue: Catalogue) -> None:
        """Photos can be browsed now."""
        self._catalogue = catalogue
        self.ask_again()

    def start(self, ready: Ready) -> None:
        """Queries can be answered now; one that waits is."""
        retrieve = self._engine.services.retrieve
        self.searching.start(
            lambda query: retrieve(query, ready.library, ready.index, ready.embedder)
        )

    def stop(self) -> None:
        self.searching.stop()

    def close(self) -> None:
        self.browsing.stop()
        self.searching.stop()

    def ask_again(self) -> None:
        """The scope, the limit or the library has changed."""
        if self.nothing_is_asked:
            self.browse()
        else:
            self.browsing.stop()
            self.searching.ask(self.query)

    def browse(self) -> None:
        """Show the photos, if nothing is asked."""
        self.searching.drop()
        self._tell_notices(())
        if self._catalogue is not None:
            self.browsing.show(self._catalogue, self.scope)

    def photos_went(self) -> None:
        """Photos have gone, moved, or come back with their drive."""
        if self.nothing_is_asked and self._catalogue is not None:
            shown = self._parts.results_model.photos
            self.browsing.renew(self._catalogue, self.scope, shown)

    def _connect(self) -> None:
        self._parts.query_bar.asked.connect(self._ask)
        self._parts.query_bar.days.years_wanted.connect(self._find_years)
        self.searching.began.connect(self._tell_begin)
        self.searching.found.connect(self._show_hits)
        self.searching.failed.connect(self._fail)
        self.browsing.began.connect(self._show_photos)
        self.browsing.went_on.connect(self._show_more)
        self.browsing.arrived.connect(self._show_arrived)
        self.browsing.went.connect(self._take_out)
        self.browsing.replaced.connect(self._replace)
        self.browsing.failed.connect(self._fail)

    def _ask(self, query: Query) -> None:
        if query.mode is not self._preferences.settings.mode:
            self._preferences.change(mode=query.mode)
        if not self.nothing_is_asked:
            self.asked.emit()
        self.ask_again()
        self.changed.emit()

    def _find_years(self) -> None:
        """Those of the folder that is looked at, for the menu."""
        catalogue, folder = self._catalogue, self._parts.panel.scope
        if catalogue is not None:
            self._engine.housekeeping.call(
                lambda: catalogue.years(folder),
                on_result=self._parts.query_bar.days.show_years,
                on_error=self._fail,
            )

    def _tell_begin(self) -> None:
        waiting = "The search begins once library and model are ready…"
        self._parts.status.tell("Searching…" if self.searching.is_ready else waiting)

    def _show_hits(self, results: Results, seconds: float) -> None:
        self._parts.results_model.show_hits(results.hits)
        none = "Nothing was found." if self._parts.panel.scope_photos else _NO_PHOTOS
        self._parts.results.set_empty_text(none)
        self._tell_notices(results.notices)
        hits = "1 hit" if len(results.hits) == 1 else f"{len(results.hits):,} hits"
        photos = wording.photos(self._parts.panel.scope_photos)
        among = "photos" if self.scope.has_days else photos  # how many of the days is not counted
        self._parts.status.tell(f"{hits} in {seconds:.2f} s  ·  {among}{self._place()}")
        self.changed.emit()
        self.answered.emit(results)

    def _show_photos(self, photos: Sequence[Photo]) -> None:
        self._parts.results_model.show_photos(photos)
        days = in_words(self.scope.since, self.scope.until)
        self._parts.results.set_empty_text(f"No photos are {days}." if days else _NO_PHOTOS)
        self._tell_count()

    def _show_more(self, photos: Sequence[Photo]) -> None:
        self._parts.results_model.append_photos(photos)
        self._tell_count()

    def _show_arrived(self, photos: Sequence[Photo]) -> None:
        self._parts.results_model.arrived(photos)
        self._tell_count()

    def _take_out(self, photo_ids: Sequence[int]) -> None:
        self._parts.results_model.remove_photos(photo_ids)
        self._tell_count()

    def _replace(self, photos: Sequence[Photo]) -> None:
        """All at once; the photo that is first in view stays so, or what is now in its place."""
        model, view = self._parts.results_model, self._parts.results
        row = view.first_in_view()
        first = None if row is None else model.photos[row]
        model.show_photos(photos)
        if first is not None:
            view.show_first(model.row_near(first))
        self._tell_count()

    def _tell_count(self) -> None:
        count = wording.photos(self._parts.results_model.rowCount())
        self._parts.status.tell(count + self._place())
        self.changed.emit()

    def _place(self) -> str:
        """Such as " in Holiday from 2024", where one folder is chosen, and days."""
        scope = self.scope
        place = "" if scope.folder is None else f" in {wording.name_of(scope.folder)}"
        days = in_words(scope.since, scope.until)
        return f"{place} {days}" if days else place

    def _fail(self, error: Exception) -> None:
        self._parts.status.tell("")
        self._parts.messages.complain(wording.in_words(error))

    def _tell_notices(self, notices: Sequence[str]) -> None:
        self._parts.notices.setText("  ".join(notices))
        self._parts.notices.setVisible(bool(notices))
