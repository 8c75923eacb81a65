"""How long the window's event loop was blocked, told by a 16 ms timer on its thread."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer

INTERVAL_SECONDS = 0.016


class Heartbeat(QObject):
    """Collects by how many seconds each beat came later than it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.late_seconds: list[float] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(int(INTERVAL_SECONDS * 1000))
        self._timer.timeout.connect(self._beat)
        self._last = 0.0

    def start(self) -> None:
        self.late_seconds.clear()
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.late_seconds.append(max(0.0, now - self._last - INTERVAL_SECONDS))
        self._last = now

    @property
    def longest(self) -> float:
        return max(self.late_seconds)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.late_seconds)
        return ordered[round(share * (len(ordered) - 1))]
