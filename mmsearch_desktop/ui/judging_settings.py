"""The part of the settings that is about judging: when, by whom, how many, how much it counts."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QWidget,
)

from mmsearch_desktop.domain import Strategy
from mmsearch_desktop.settings import JudgingWhen, Settings
from mmsearch_desktop.ui.theme import plain_label

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHEN = {
    JudgingWhen.QUICK: "When it is quick here: graphics card, or small judge",
    JudgingWhen.ALWAYS: "For every search",
    JudgingWhen.ASKED: "Only when I ask for it",
    JudgingWhen.NEVER: "Never",
}
_STRATEGIES = {
    Strategy.POINTWISE: "One photo after the other",
    Strategy.LISTWISE: "All at once, as a list (small judges do this badly)",
}
_STEPS = 20  # of the slider; the middle is a weight of 1
_HEAVIEST = 2.0


class JudgingSettings(QWidget):
    """Shows settings and tells them as changed; keeps nothing itself."""

    def __init__(
        self, judges: Sequence[tuple[str, str]], note: str = "", parent: QWidget | None = None
    ) -> None:
        """`judges`: name and label; a folder may be typed. `note`: how it would go here."""
        super().__init__(parent)
        from mmsearch_desktop.search.judging import MOST_DEPTH

        self.when = _chooser("When hits are judged", _WHEN)
        self.judge = QComboBox(editable=True)
        self.judge.setAccessibleName("Judge")
        for name, label in judges:
            self.judge.addItem(label, name)
        self.browse = QPushButton("&Folder…")
        self.browse.setAccessibleName("Use a judge from a folder")
        self.browse.clicked.connect(self._choose_folder)
        self.best = QSpinBox(minimum=1, maximum=MOST_DEPTH)
        self.best.setAccessibleName("How many of the best hits are judged")
        self.strategy = _chooser("How hits are judged", _STRATEGIES)
        self.weight = QSlider(Qt.Orientation.Horizontal)
        self.weight.setMinimumHeight(28)
        self.weight.setRange(0, _STEPS)
        self.weight.setAccessibleName("Weight of the judge's opinion")
        self.weight_text = plain_label("", "Muted")
        self.weight.valueChanged.connect(self._tell_weight)
        self.words = QCheckBox("Also write a &sentence about each hit, in the model's own words")
        self.note = plain_label(note, "Muted", wrap=True)
        self.note.setVisible(bool(note))
        for wide in (self.when, self.strategy, self.note):
            wide.setSizePolicy(QSizePolicy.Policy.Expanding, wide.sizePolicy().verticalPolicy())
        self._build()

    def show_settings(self, settings: Settings) -> None:
        self.when.setCurrentIndex(self.when.findData(settings.judging.value))
        known = self.judge.findData(settings.judge)
        if known >= 0:
            self.judge.setCurrentIndex(known)
        else:
            self.judge.setEditText(settings.judge)
        self.best.setValue(settings.judging_depth)
        self.strategy.setCurrentIndex(self.strategy.findData(settings.judging_strategy.value))
        self.weight.setValue(_step_of(settings.judging_weight))
        self._tell_weight()
        self.words.setChecked(settings.judging_words)

    def settings(self, settings: Settings) -> Settings:
        """These settings, changed as the controls say."""
        typed = self.judge.currentText().strip()
        known = self.judge.findText(typed)
        judge = self.judge.itemData(known) if known >= 0 else typed
        untouched = self.weight.value() == _step_of(settings.judging_weight)
        return dataclasses.replace(
            settings,
            judging=JudgingWhen(self.when.currentData()),
            judge=judge or settings.judge,
            judging_depth=self.best.value(),
            judging_strategy=Strategy(self.strategy.currentData()),
            judging_weight=settings.judging_weight if untouched else self._weight,
            judging_words=self.words.isChecked(),
        )

    @property
    def _weight(self) -> float:
        return self.weight.value() * _HEAVIEST / _STEPS

    def _tell_weight(self) -> None:
        weight = self._weight
        said = {0.0: "Off: moves nothing", 1.0: "As much as the search"}
        self.weight_text.setText(said.get(weight, f"{weight:.1f} × the search"))
        self.weight.setAccessibleDescription(self.weight_text.text())

    def _build(self) -> None:
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignVCenter)
        form.setVerticalSpacing(12)
        form.setHorizontalSpacing(16)
        form.setContentsMargins(2, 16, 2, 2)
        judge, weight = QHBoxLayout(), QHBoxLayout()
        judge.setSpacing(8)
        judge.addWidget(self.judge, 1)
        judge.addWidget(self.browse)
        weight.setSpacing(14)
        weight.addWidget(self.weight, 1)
        weight.addWidget(self.weight_text)
        self.weight_text.setMinimumWidth(150)
        form.addRow("&Judge hits", self.when)
        form.addRow("", self.note)
        form.addRow("Jud&ge", judge)
        form.addRow("&Best hits judged", self.best)
        form.addRow("Its &opinion counts", weight)
        form.addRow("&Way", self.strategy)
        form.addRow("", self.words)
        form.labelForField(judge).setBuddy(self.judge)  # type: ignore[attr-defined] # a QLabel
        form.labelForField(weight).setBuddy(self.weight)  # type: ignore[attr-defined] # likewise

    def _choose_folder(self) -> None:
        chooser = QFileDialog(self, "Folder of a judge", self.judge.currentText())
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.fileSelected.connect(lambda chosen: self.judge.setEditText(str(Path(chosen))))
        chooser.open()


def _step_of(weight: float) -> int:
    """The nearest place of the slider; whatever a file says."""
    if math.isnan(weight):
        return _STEPS // 2
    return round(_STEPS * min(max(weight, 0.0), _HEAVIEST) / _HEAVIEST)


def _chooser(name: str, labels: dict[JudgingWhen, str] | dict[Strategy, str]) -> QComboBox:
    chooser = QComboBox()
    chooser.setAccessibleName(name)
    for value, label in labels.items():
        chooser.addItem(label, value.value)
    return chooser
