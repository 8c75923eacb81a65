"""What a command shows: data on standard output; progress, notices and errors on standard error."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from mmsearch_desktop.domain import Progress, Stage

PROGRAM = "mmsearch-desktop"
_PLAIN_LINE_SECONDS = 5.0
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_Show = Callable[[Progress, str], None]


def let_any_path_be_printed() -> None:
    """File names that are no valid text go out as the bytes they are."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    if sys.platform == "win32":  # a pipe there has an old code page that lacks most letters
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogatepass")
    else:
        sys.stdout.reconfigure(errors="surrogateescape")


def discard_output() -> None:
    """Where nothing can be written any more, spare Python the complaint at the end."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def put(line: str) -> None:
    print(line)


def put_json(value: object) -> None:
    """ASCII only, so that it survives any encoding of the terminal or pipe."""
    print(json.dumps(value))


def tell(text: str) -> None:
    """A message of one or more lines, for the person."""
    for line in text.split("\n"):
        print(safe(line), file=sys.stderr)


def fail(message: str) -> int:
    """Say why the command failed; the exit status for that."""
    tell(f"{PROGRAM}: {message}")
    return 1


def safe(value: object) -> str:
    """With control characters spelled out: a file's name must not steer the terminal."""
    return _CONTROL_CHARACTERS.sub(_escaped, str(value))


def _escaped(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"


def watched(items: Iterable[Progress], things: str) -> Progress | None:
    """Run long work to its end while showing where it stands; its last item.

    `things` is what is counted, such as "photos". On a terminal a bar that vanishes at the end;
    elsewhere a line for each stage and then one every few seconds.
    """
    last = None
    with _closing(items), _display() as show:
        for last in items:
            show(last, standing(last, things))
    return last


@contextlib.contextmanager
def _closing(items: Iterable[Progress]) -> Iterator[None]:
    """A stopped generator puts its stores in order at once, not when it is collected."""
    try:
        yield
    finally:
        if isinstance(items, Generator):
            items.close()


def standing(progress: Progress, things: str) -> str:
    """One line: stage, amount, rate, time left; as much of it as is known."""
    downloading = progress.stage is Stage.DOWNLOADING
    scale, unit, digits = (1e6, "MB", 1) if downloading else (1, things, 0)
    parts = [f"{progress.stage.capitalize()}: {progress.done / scale:,.{digits}f}"]
    if progress.total is not None:
        parts.append(f"of {progress.total / scale:,.{digits}f}")
    parts.append(unit)
    if progress.per_second:
        parts.append(f"({progress.per_second / scale:,.1f} a second)")
    if progress.seconds_left is not None:
        parts.append(f"- {duration(progress.seconds_left)} left")
    return " ".join(parts)


def duration(seconds: float) -> str:
    """In the unit that says most: "45 s", "12 min", "3 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _display() -> contextlib.AbstractContextManager[_Show]:
    return _bar() if sys.stderr.isatty() else contextlib.nullcontext(_PlainLines().show)


@contextlib.contextmanager
def _bar() -> Iterator[_Show]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn
    from rich.progress import Progress as Bar

    columns: list[Any] = [BarColumn(), TextColumn("{task.description}", markup=False)]
    with Bar(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        tasks: dict[Stage, TaskID] = {}

        def show(progress: Progress, line: str) -> None:
            if progress.stage not in tasks:  # what the stage before knew of its end does not hold
                for old in tasks.values():
                    bar.update(old, visible=False)
                tasks[progress.stage] = bar.add_task(line, total=None)
            bar.update(
                tasks[progress.stage],
                description=line,
                completed=progress.done,
                total=progress.total,
            )

        yield show


def busy(text: str) -> contextlib.AbstractContextManager[object]:
    """On a terminal, a sign of life with this text for as long as the context lasts."""
    if not sys.stderr.isatty():
        return contextlib.nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)


class _PlainLines:
    """For a log or a pipe: no more than a line every few seconds."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._told_at = 0.0

    def show(self, progress: Progress, line: str) -> None:
        now = time.monotonic()
        new_stage = progress.stage is not self._stage
        if progress.stage is Stage.FINISHED:
            return
        if new_stage or now - self._told_at >= _PLAIN_LINE_SECONDS:
            tell(line)
            self._stage, self._told_at = progress.stage, now
