"""The widgets of the window and where they lie; no decisions are made here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from mmsearch_desktop.ui.details_panel import PANEL_PIXELS as DETAILS_PIXELS
from mmsearch_desktop.ui.details_panel import DetailsPanel
from mmsearch_desktop.ui.indexing_strip import IndexingStrip
from mmsearch_desktop.ui.judging_bar import JudgingBar
from mmsearch_desktop.ui.library_panel import LibraryPanel
from mmsearch_desktop.ui.message_bar import MessageBar
from mmsearch_desktop.ui.models_page import ModelsPage
from mmsearch_desktop.ui.moving_strip import MovingStrip
from mmsearch_desktop.ui.pages import DropZonePage, TroublePage
from mmsearch_desktop.ui.preparing_strip import PreparingStrip
from mmsearch_desktop.ui.query_bar import QueryBar
from mmsearch_desktop.ui.results_model import ResultsModel
from mmsearch_desktop.ui.results_view import ResultsView
from mmsearch_desktop.ui.sample_strip import SampleStrip
from mmsearch_desktop.ui.status_line import StatusLine
from mmsearch_desktop.ui.theme import plain_label, styled

if TYPE_CHECKING:
    from pathlib import Path

    from mmsearch_desktop.domain import Mode

PANEL_PIXELS = 220


@dataclass(frozen=True, slots=True)
class WindowParts:
    """All that the window shows, in one place to reach it."""

    panel: LibraryPanel
    query_bar: QueryBar
    messages: MessageBar
    samples: SampleStrip
    notices: QLabel
    pages: QStackedWidget
    drop_zone: DropZonePage
    results: ResultsView
    results_model: ResultsModel
    models_page: ModelsPage
    trouble: TroublePage
    details: DetailsPanel
    judging: JudgingBar
    strip: IndexingStrip
    preparing: PreparingStrip
    moving: MovingStrip
    status: StatusLine


def make_parts(mode: Mode, picture_pixels: int, models_folder: Path) -> WindowParts:
    notices = plain_label("", "Notice", wrap=True)
    notices.hide()
    model = ResultsModel()
    results = ResultsView()
    model.setParent(results)
    results.setModel(model)
    results.set_picture_pixels(picture_pixels)
    parts = WindowParts(
        panel=LibraryPanel(),
        query_bar=QueryBar(mode),
        messages=MessageBar(),
        samples=SampleStrip(),
        notices=notices,
        pages=QStackedWidget(),
        drop_zone=DropZonePage(),
        results=results,
        results_model=model,
        models_page=ModelsPage(models_folder),
        trouble=TroublePage(),
        details=DetailsPanel(),
        judging=JudgingBar(),
        strip=IndexingStrip(),
        preparing=PreparingStrip(),
        moving=MovingStrip(),
        status=StatusLine(),
    )
    for page in (parts.drop_zone, parts.results, parts.models_page, parts.trouble):
        parts.pages.addWidget(page)
    return parts


def lay_out(parts: WindowParts) -> QWidget:
    """The folders on the left, one photo on the right; between them the query and the photos."""
    right = styled(QWidget(), "Content")
    right.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    column = QVBoxLayout(right)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    above = (parts.query_bar, parts.messages, parts.samples, parts.notices)
    below = (parts.judging, parts.strip, parts.preparing, parts.moving)
    for part in (*above, parts.pages, *below):
        column.addWidget(part, 1 if part is parts.pages else 0)
    split = QSplitter(Qt.Orientation.Horizontal)
    split.addWidget(parts.panel)
    split.addWidget(right)
    split.addWidget(parts.details)
    split.setStretchFactor(1, 1)
    split.setSizes([PANEL_PIXELS, 1000, DETAILS_PIXELS])
    split.setHandleWidth(1)
    split.setChildrenCollapsible(False)
    parts.panel.setMinimumWidth(150)
    right.setMinimumWidth(360)
    return split
