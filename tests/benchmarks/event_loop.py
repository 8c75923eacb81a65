"""How late a 16 ms timer of the window is while photos are added and searched, beside idle."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.benchmarks.table import Row


def run() -> list[Row]:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from tests.end_to_end.busy_window import measure

    application = QApplication.instance() or QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        beats = measure(Path(folder), photos=80, size=(4000, 3000))
    del application
    return [
        _row(
            "lateness while adding and searching, 99th percentile", beats.busy_p99, beats.idle_p99
        ),
        _row("the same, longest", beats.busy_longest, beats.idle_longest),
    ]


def _row(name: str, busy: float, idle: float) -> Row:
    figure, baseline = f"{busy * 1000:.0f} ms", f"idle {idle * 1000:.1f} ms"
    return Row(name, figure, baseline, busy / max(idle, 1e-4), "lower")
