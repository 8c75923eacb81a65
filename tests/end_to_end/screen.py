"""A screen of its own (Xvfb with a window manager), and hands on it (xdotool)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PROGRAMS = ("Xvfb", "openbox", "xdotool", "import")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]


def came_true(holds: Callable[[], object], seconds: float) -> bool:
    """Whether it holds within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def wait_until(holds: Callable[[], object], what: str, seconds: float = 60) -> None:
    assert came_true(holds, seconds), f"waited {seconds} s in vain until {what}"


@dataclass
class Screen:
    """One virtual screen; everything started on it ends with it."""

    number: str

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM", "LD_PRELOAD")}
        return kept | {"DISPLAY": self.number, "QT_QPA_PLATFORM": "xcb"}

    def do(self, *words: str) -> str:
        """One xdotool command; its output."""
        done = subprocess.run(
            ["xdotool", *words], env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def window(self, title: str, seconds: float = 60) -> str:
        """The number of the visible window whose title holds `title`."""
        found: list[str] = []

        def seen() -> bool:
            found[:] = self.do("search", "--onlyvisible", "--name", title).split()
            return bool(found)

        wait_until(seen, f"a window named {title} shows", seconds)
        return found[-1]

    def type(self, text: str) -> None:
        self.do("type", "--delay", "15", text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.do("key", key)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """A real drag between two places, in small steps as a hand does it."""
        self.do("mousemove", str(start[0]), str(start[1]))
        self.do("mousedown", "1")
        for step in range(1, 11):
            x = start[0] + (end[0] - start[0]) * step // 10
            y = start[1] + (end[1] - start[1]) * step // 10
            self.do("mousemove", str(x), str(y))
            time.sleep(0.05)
        time.sleep(0.3)
        self.do("mouseup", "1")

    def picture(self, path: Path) -> Image.Image:
        """What a person sees now."""
        subprocess.run(
            ["import", "-window", "root", str(path)], env=self.environment, check=True, timeout=30
        )
        with Image.open(path) as picture:
            return picture.convert("RGB")


@contextmanager
def screen(size: str = "1280x800") -> Iterator[Screen]:
    """An empty screen of `size` pixels with a window manager on it."""
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
        pass_fds=[write_end],
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        number = f":{answer.readline().strip()}"
    shown = Screen(number)
    manager = subprocess.Popen(["openbox"], env=shown.environment, stderr=subprocess.DEVNULL)
    try:
        yield shown
    finally:
        for process in (manager, server):
            process.terminate()
            process.wait(10)


@contextmanager
def running(
    shown: Screen, *arguments: str, extra: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The app (or another Python program) on that screen; ended when the block ends."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=shown.environment | (extra or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
