"""Has the system say in which folders something was touched (watchfiles), as a hint to look there.

On Linux the system listens to single folders: one that is hidden, or leads to the whole disk by a
link, is then spared. The limit on how many there may be is shared with all programs.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

STEP_MS = 200  # how soon a hint is passed on, and how soon a thread ends
_GATHER_MS = 600
_SIGNS_OF_LIMIT = ("watch limit", "os error 24", "os error 28", "Too many open files")
HEARS_ONE_FOLDER = sys.platform.startswith("linux")

# What was touched, with whether it came or went (else it is only not as it was before).
Hints = Mapping[str, bool]
# From folders to hints, over and over; none where nothing was. The system takes note from before
# the first item on. OSError: it will not, and says why.
Listen = Callable[[Sequence[Path], threading.Event], Generator[Hints, None, None]]


def listen_to_system(
    folders: Sequence[Path], stopping: threading.Event
) -> Generator[Hints, None, None]:
    """Listens to the system's own messages; on Linux to each folder, elsewhere to all below too."""
    from watchfiles import Change, watch

    messages = watch(
        *folders,
        watch_filter=None,
        debounce=_GATHER_MS,
        step=STEP_MS,
        stop_event=stopping,
        rust_timeout=STEP_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        force_polling=False,
        recursive=not HEARS_ONE_FOLDER,
    )
    with contextlib.closing(messages):
        for changes in messages:
            came_or_went = {path for kind, path in changes if kind is not Change.modified}
            yield {path: path in came_or_went for _, path in changes}


def deaf_in_words(root: Path, error: Exception) -> str:
    """What the person is told where the system does not listen."""
    later = f"New photos in {root} are noticed a little later: it is looked through regularly."
    if any(sign in str(error) for sign in _SIGNS_OF_LIMIT):
        return (
            f"The system tells of changes in a limited number of folders, and that is reached."
            f" {later} Close other programs that watch files, or raise the system's limits"
            f" fs.inotify.max_user_watches and max_user_instances."
        )
    return f"The system does not tell of changes in {root} ({error}). {later}"
