"""From the call to the window on the screen, beside an empty PySide6 window; medians of five."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.table import Row, median
from tests.end_to_end.screen import Screen, screen

RUNS = 5
EMPTY = """
import sys
from PySide6.QtWidgets import QApplication, QMainWindow
app = QApplication(sys.argv)
window = QMainWindow()
window.setWindowTitle("empty window")
window.resize(1180, 760)
window.show()
sys.exit(app.exec())
"""


def run() -> list[Row]:
    if shutil.which("Xvfb") is None:
        print("window_start needs Xvfb and xdotool; left out", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder, screen() as shown:
        library = str(Path(folder) / "library")
        ours = ["-m", "mmsearch_desktop", "--offline", "--library", library]
        _start_seconds(shown, ours, "mmsearch-desktop")
        app = median([_start_seconds(shown, ours, "mmsearch-desktop") for _ in range(RUNS)])
        empty = median([_start_seconds(shown, ["-c", EMPTY], "empty window") for _ in range(RUNS)])
    return [
        Row("window start", f"{app:.2f} s", f"empty window {empty:.2f} s", app / empty, "lower")
    ]


def _start_seconds(shown: Screen, arguments: list[str], title: str) -> float:
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], env=shown.environment, stderr=subprocess.DEVNULL
    )
    try:
        while not shown.do("search", "--onlyvisible", "--name", title):
            time.sleep(0.01)
        return time.perf_counter() - start
    finally:
        process.terminate()
        process.wait(20)
