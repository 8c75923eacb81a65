"""Lets a person try the sample photos, and keeps their model from being taken for a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import Mode
from mmsearch_desktop.models.offers import OFFERS, Offer, is_sample, offer_named, size_text
from mmsearch_desktop.settings import Settings
from mmsearch_desktop.ui.pictures_in import ShownPicture, picture_from_file
from mmsearch_desktop.ui.sample_strip import PICTURES
from mmsearch_desktop.ui.wording import name_of

if TYPE_CHECKING:
    from pathlib import Path

    from mmsearch_desktop.search.samples import Example, Samples
    from mmsearch_desktop.ui.engine import Engine
    from mmsearch_desktop.ui.folders_desk import FoldersDesk
    from mmsearch_desktop.ui.models_desk import ModelsDesk
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.search_desk import SearchDesk
    from mmsearch_desktop.ui.switching_desk import SwitchingDesk
    from mmsearch_desktop.ui.window_parts import WindowParts

_REAL = Settings().embedder  # what is fetched for the person's own photos


class SampleDesk(QObject):
    """Without samples it offers none, but still labels their model."""

    models_wanted = Signal()  # show the page of models
    photos_wanted = Signal()  # show the photos again
    failed = Signal(object)  # Exception

    def __init__(
        self,
        samples: Samples | None,
        parts: WindowParts,
        engine: Engine,
        preferences: Preferences,
        *,
        folders: FoldersDesk,
        search: SearchDesk,
        models: ModelsDesk,
        switching: SwitchingDesk,
    ) -> None:
        super().__init__()
        self._samples, self._parts = samples, parts
        self._engine, self._preferences = engine, preferences
        self._folders, self._models, self._switching = folders, models, switching
        self._awaited = ""  # the model that is being fetched to take the sample one's place
        self._trying = False
        self._offer()
        parts.samples.example_chosen.connect(self.ask)
        parts.samples.model_wanted.connect(self.get_real_model)
        parts.drop_zone.samples.wanted.connect(self.try_them)
        for news in (folders.changed, search.changed, parts.pages.currentChanged):
            news.connect(self._renew)
        engine.ready.connect(self._model_ready)
        engine.not_ready.connect(self._model_not_ready)

    @property
    def in_use(self) -> bool:
        """Whether the model is the sample one."""
        return is_sample(self._preferences.embedder)

    @property
    def may_be_tried(self) -> bool:
        """The library is empty, nothing waits to be indexed, and there is something to try."""
        state, facts = self._folders.indexing.state, self._folders.facts
        return self._samples is not None and not facts.folders and not state.has_work

    # -- what the person asks for ----------------------------------------------------------

    def try_them(self) -> None:
        """Index the sample photos; with their own model where no other is ready."""
        samples = self._samples
        if samples is None:
            return
        if not self._is_prepared and not self.in_use:
            if samples.judge:
                self._preferences.change(judge=samples.judge)
            self._switching.choose(samples.embedder)
        self._folders.add(samples.photos)
        self._trying = True
        self._renew()

    def ask(self, example: Example) -> None:
        """Put picture and words into the query, as if the person had."""
        if example.picture is None:
            self._put(example, None)
            return
        path = example.picture
        self._engine.housekeeping.call(
            lambda: picture_from_file(path),
            lambda picture: self._put(example, picture),
            self.failed.emit,
        )

    def get_real_model(self) -> None:
        """Take Visualized BGE if it is here, else fetch it and take it then."""
        offer = offer_named(_REAL)
        if self._engine.services.is_installed(offer):
            self._take(offer)
            return
        self._awaited = offer.name
        self.models_wanted.emit()
        self._models.download(offer)

    def warn_of(self, folder: Path) -> None:
        """The person added a folder: say it where this model does not understand its photos."""
        if self.in_use and not self._is_ours(folder):
            text = (
                f"{name_of(folder)}: the sample model understands only the drawn sample pictures,"
                " so these photos will not be found by what they show. Use Visualized BGE for your"
                " own photos."
            )
            self._parts.messages.complain(text, self._remedy(), self.get_real_model)

    # -- what happened ---------------------------------------------------------------------

    def _put(self, example: Example, picture: ShownPicture | None) -> None:
        panel = self._parts.panel
        if panel.scope is not None and not self._is_ours(panel.scope):
            panel.choose(None)
        self._parts.query_bar.set_query(example.words, picture, Mode.COMPOSED)

    def _model_ready(self) -> None:
        """A judge of drawn pictures does not go on to judge real photos."""
        samples = self._samples
        judge = None if samples is None else samples.judge
        if not self.in_use and judge is not None and self._preferences.judge == judge:
            self._preferences.change(judge=Settings().judge)
            self._models.judge_chosen.emit()
        self._parts.samples.show_remedy(self._remedy())
        self._renew()

    def _model_not_ready(self) -> None:
        self._trying = False
        self._renew()

    def model_came(self, offer: Offer) -> None:
        """Its files are here now: one that is not for drawn pictures alone may take over."""
        if not self.in_use or offer not in OFFERS:
            return
        if offer.name == self._awaited:
            self._take(offer)
        else:
            text = f"{offer.title} is on this computer now. It understands your own photos."
            self._parts.messages.tell(text, "Use it", lambda: self._take(offer))

    def _take(self, offer: Offer) -> None:
        """Until the photos are prepared for it, the sample model goes on."""
        self._awaited = ""
        if offer.name != self._preferences.next_embedder:
            self._switching.choose(offer.name)
        self._models.renew()
        self.photos_wanted.emit()

    # -- what is shown ---------------------------------------------------------------------

    def _is_ours(self, folder: Path) -> bool:
        samples = self._samples
        return samples is not None and folder in (samples.photos, samples.photos.resolve())

    @property
    def _is_prepared(self) -> bool:
        return self._folders.indexing.state.prepared

    def _offer(self) -> None:
        """What does not change while the window is open."""
        samples, card = self._samples, self._parts.drop_zone.samples
        self._parts.samples.show_remedy(self._remedy())
        card.setVisible(samples is not None)
        if samples is not None:
            card.show_pictures(_to_show(samples.photos))  # nine, in under 30 ms
            self._parts.samples.show_examples(samples.examples)

    def _renew(self) -> None:
        parts = self._parts
        has_samples = any(self._is_ours(folder.path) for folder in self._folders.facts.folders)
        self._trying = self._trying and self._folders.indexing.state.has_work
        parts.drop_zone.samples.show_busy(busy=self._trying)
        photos_are_shown = parts.pages.currentWidget() is parts.results
        parts.samples.show_parts(
            label=self.in_use and photos_are_shown,
            chips=has_samples and photos_are_shown and self._is_prepared,
        )

    def _remedy(self) -> str:
        offer = offer_named(_REAL)
        if self._engine.services.is_installed(offer):
            return "Use Visualized BGE"
        return f"Get it ({size_text(offer.size_bytes)})"


def _to_show(photos: Path) -> list[Path]:
    """Some of them, as different as their names."""
    paths = sorted(photos.glob("*.jpg"))
    step = max(1, len(paths) // PICTURES)
    return paths[step // 2 :: step][:PICTURES]
