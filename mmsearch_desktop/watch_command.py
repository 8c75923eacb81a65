"""What `index --watch` does once the folders are indexed: takes in what changes, until Ctrl+C."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import FolderProblem, ServerGone
from mmsearch_desktop.terminal import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mmsearch_desktop.domain import IndexSummary
    from mmsearch_desktop.library.catalogue import Catalogue
    from mmsearch_desktop.library.watch import News

TakeIn = Callable[[Path, Collection[Path] | None], None]


def keep_watching(folders: Sequence[Path], own: Path, take_in: TakeIn) -> None:
    """Call `take_in` with each folder in which something changed, once all is quiet there again.

    With it go the folders of it, or itself, directly in which it did; None, as at first with each:
    anywhere. A folder that is away is told, and is no error. `own`: the library.
    """
    from mmsearch_desktop.library.watch import FolderWatch

    away: set[Path] = set()
    with _ended_politely(), FolderWatch(folders, own=own) as watch:
        tell("Watching for new photos. Ctrl+C ends it.")
        for news in watch.news():
            for notice in news.notices:
                tell(notice)
            _tell_what_is_away(news, away)
            for folder, within in sorted(news.changed.items()):
                try:
                    take_in(folder, within)
                except (FolderProblem, ServerGone) as error:  # the index follows with the next
                    tell(str(error))
                sys.stdout.flush()


def of_all(
    folder: Path,
    catalogue: Catalogue,
    before: IndexSummary | None,
    now: IndexSummary,
    within: Collection[Path] | None,
) -> IndexSummary:
    """What a run over parts of a folder did, with the photos and problems of all of the folder."""
    from mmsearch_desktop.library.scope import Scope

    if before is None or within is None:
        return now
    places = frozenset(within)
    elsewhere = (one for one in before.unreadable if places.isdisjoint({one.path, one.path.parent}))
    photos = catalogue.photo_count(Scope(Path(os.path.realpath(folder))))
    return dataclasses.replace(
        now,
        photos=photos,
        unchanged=photos - now.indexed - now.moved,
        unreadable=tuple(sorted((*elsewhere, *now.unreadable), key=lambda problem: problem.path)),
    )


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
