"""The line at the bottom of the window: what is shown, the model in use, problems."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QPushButton, QStatusBar, QWidget

from mmsearch_desktop.ui.theme import plain_label, set_icon


class StatusLine(QStatusBar):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = _label()
        self.fetching = _label()
        self.model = _label()
        self.problems_button = QPushButton()
        self.problems_button.setProperty("role", "quiet")
        set_icon(self.problems_button, "problem")
        self.setSizeGripEnabled(False)
        self.addWidget(self.text, 1)
        self.addPermanentWidget(self.fetching)
        self.addPermanentWidget(self.problems_button)
        self.show_fetching("")
        self.addPermanentWidget(self.model)
        self.show_problem_count(0)

    def tell(self, text: str) -> None:
        self.text.setText(text)
        self.text.setAccessibleName(text)

    def show_model(self, text: str) -> None:
        self.model.setText(text)

    def show_fetching(self, text: str) -> None:
        """How far the files of a model are; "" hides it."""
        self.fetching.setText(text)
        self.fetching.setVisible(bool(text))

    def show_problem_count(self, count: int) -> None:
        text = "1 problem" if count == 1 else f"{count:,} problems"
        self.problems_button.setText(text)
        self.problems_button.setAccessibleName(f"{text}: show the list")
        self.problems_button.setToolTip("Files that could not be indexed")
        self.problems_button.setVisible(count > 0)


def _label() -> QLabel:
    label = plain_label()
    label.setMinimumWidth(10)  # a long text is cut, and does not widen the window
    return label
