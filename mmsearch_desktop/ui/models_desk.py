"""Carries out what is asked for on the models page: fetch, import, look again, use, offline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from mmsearch_desktop.domain import Progress, WeightsUnknown
from mmsearch_desktop.models.judge_offers import EVERYTHING, JUDGES, SAMPLE_JUDGE
from mmsearch_desktop.models.offers import OFFERS, SAMPLE, Offer
from mmsearch_desktop.ui.models_page import ModelsPage, OfferState

if TYPE_CHECKING:
    from mmsearch_desktop.ui.engine import Services
    from mmsearch_desktop.ui.fetching import Fetching
    from mmsearch_desktop.ui.preferences import Preferences

Agree = Callable[[], None]


class ModelsDesk(QObject):
    """Owns the page. The window decides when it is shown."""

    model_came = Signal(object)  # Offer: its files are here now
    embedder_wanted = Signal(str)  # the name of an offer: to search with
    judge_chosen = Signal()  # the preferences name another one now
    told = Signal(str)
    failed = Signal(object)  # Exception
    folder_made = Signal(object)  # Path: to be opened in the file manager
    fetching_told = Signal(str)  # how far the fetching is, "" at its end
    doubtful = Signal(object, object)  # WeightsUnknown, what to do if the person agrees

    def __init__(
        self,
        page: ModelsPage,
        fetching: Fetching,
        services: Services,
        preferences: Preferences,
    ) -> None:
        super().__init__()
        self.page = page
        self.fetching = fetching
        self._services = services
        self._preferences = preferences
        self._reason = ""
        self._again: Agree = lambda: None
        page.download_wanted.connect(self.download)
        page.import_wanted.connect(self._choose_import)
        page.cancel_wanted.connect(self._cancel)
        page.use_wanted.connect(self._use)
        page.check_wanted.connect(self._look_again)
        page.offline_toggled.connect(self._switch_offline)
        page.folder_wanted.connect(self._make_folder)
        fetching.progressed.connect(page.show_progress)
        fetching.progressed.connect(self._tell_progress)
        fetching.done.connect(self._came)
        fetching.failed.connect(self._fail)

    def renew(self, reason: str | None = None) -> None:
        """Show which models are here; `reason` says why the page is shown."""
        if reason is not None:
            self._reason = reason
        chosen = self._preferences.embedder
        states = [
            OfferState(
                offer,
                self._services.is_installed(offer),
                offer.name == chosen,
                prepared=offer.name == self._preferences.next_embedder,
            )
            for offer in (*OFFERS, *self.shipped(SAMPLE))
        ]
        offline = self._preferences.offline
        is_offer = any(state.in_use for state in states)
        judges = (*JUDGES, *self.shipped(SAMPLE_JUDGE))
        shown = [*states, *map(self._judge_state, judges)]
        self.page.show_offers(
            shown, offline=offline, reason=self._reason, elsewhere="" if is_offer else chosen
        )

    def shipped(self, offer: Offer) -> list[Offer]:
        """It, where this program comes with its files."""
        return [offer] if self._services.is_installed(offer) else []

    def has_judge(self) -> bool:
        """The files of the chosen judge are here; those of a folder are taken to be."""
        chosen = self._preferences.judge
        offered = next((offer for offer in (*JUDGES, SAMPLE_JUDGE) if offer.name == chosen), None)
        return offered is None or self._services.is_installed(offered)

    def _judge_state(self, offer: Offer) -> OfferState:
        """None is needed, so that one without files is not shown as chosen."""
        installed = self._services.is_installed(offer)
        in_use = installed and offer.name == self._preferences.judge
        return OfferState(offer, installed, in_use, is_judge=True)

    def download(self, offer: Offer, *, accept_unknown: bool = False) -> None:
        offline = self._preferences.offline
        self._again = lambda: self.download(offer, accept_unknown=True)
        self.fetching.begin(offer, lambda: self._services.download(offer, offline, accept_unknown))

    def import_from(self, offer: Offer, folder: Path, *, accept_unknown: bool = False) -> None:
        self._again = lambda: self.import_from(offer, folder, accept_unknown=True)
        self.fetching.begin(
            offer, lambda: self._services.import_folder(offer, folder, accept_unknown)
        )

    def _choose_import(self, offer: Offer) -> None:
        chooser = QFileDialog(self.page, f"Folder with the files of {offer.title}")
        choose_folder(chooser, lambda folder: self.import_from(offer, folder))

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            self.failed.emit(error)
        else:
            self.folder_made.emit(folder)

    def _tell_progress(self, offer: Offer, progress: Progress | None) -> None:
        """For whoever has left the page meanwhile."""
        if progress is None or not progress.total:
            self.fetching_told.emit("")
        else:
            share = progress.done * 100 // progress.total
            self.fetching_told.emit(f"Getting {offer.title}: {share} %")

    def _cancel(self) -> None:
        self.fetching.cancel()
        self.renew()
        self.told.emit("Cancelled. What has come is kept; asking again goes on from there.")

    def _use(self, offer: Offer) -> None:
        if offer in (*JUDGES, SAMPLE_JUDGE):
            self._preferences.change(judge=offer.name)
            self.renew()
            self.judge_chosen.emit()
            return
        self.embedder_wanted.emit(offer.name)

    def _look_again(self) -> None:
        self.renew()
        used = (self._preferences.embedder, self._preferences.judge)
        found = [
            offer
            for offer in EVERYTHING
            if offer.name in used and self._services.is_installed(offer)
        ]
        for offer in found:
            self.model_came.emit(offer)
        if found:
            return
        self.told.emit("The files are not all there yet. “Which file goes where” lists them.")

    def _switch_offline(self, offline: bool) -> None:
        self._preferences.change(offline=offline)
        self.renew()

    def _came(self, offer: Offer) -> None:
        self.renew()
        self.model_came.emit(offer)

    def _fail(self, _offer: Offer, error: Exception) -> None:
        self.renew()
        if isinstance(error, WeightsUnknown):
            self.doubtful.emit(error, self._again)
        else:
            self.failed.emit(error)


def choose_folder(chooser: QFileDialog, chosen: Callable[[Path], None]) -> None:
    """Let the person choose a folder in a dialog that does not stop the window."""
    chooser.setFileMode(QFileDialog.FileMode.Directory)
    chooser.setOption(QFileDialog.Option.ShowDirsOnly)
    chooser.fileSelected.connect(lambda name: chosen(Path(name)))
    chooser.finished.connect(chooser.deleteLater)
    chooser.open()
