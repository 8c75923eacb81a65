"""What `index --watch` does once the folders are indexed: takes in what changes, until Ctrl+C."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import FolderProblem
from mmsearch_desktop.terminal import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mmsearch_desktop.library.watch import News


def keep_watching(folders: Sequence[Path], own: Path, take_in: Callable[[Path], None]) -> None:
    """Call `take_in` with each folder in which something changed, once all is quiet there again.

    And once with each at first. A folder that is away is told, and is no error. `own`: the library.
    """
    from mmsearch_desktop.library.watch import FolderWatch

    away: set[Path] = set()
    with _ended_politely(), FolderWatch(folders, own=own) as watch:
        tell("Watching for new photos. Ctrl+C ends it.")
        for news in watch.news():
            for notice in news.notices:
                tell(notice)
            _tell_what_is_away(news, away)
            for folder in sorted(news.changed):
                try:
                    take_in(folder)
                except FolderProblem as error:
                    tell(str(error))
                sys.stdout.flush()


def _tell_what_is_away(news: News, before: set[Path]) -> None:
    from mmsearch_desktop.library.watch import Attention

    away = {path for path, how in news.attention.items() if how is Attention.AWAY}
    for folder in sorted(away - before):
        tell(f"{folder} is not there. Its photos are kept, and it is watched when it is back.")
    before.clear()
    before.update(away)


@contextlib.contextmanager
def _ended_politely() -> Iterator[None]:
    """By Ctrl+C, or as a service is ended: both are how it is meant to end."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        tell("Watching has ended. What was indexed is kept.")
    finally:
        signal.signal(signal.SIGTERM, before)
