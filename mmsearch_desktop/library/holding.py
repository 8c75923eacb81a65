"""One program at a time on a library: the lock, and who holds it.

The lock is the system's, so that a program that was killed holds nothing. Who holds it is written
beside it, for a message only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from typing import TYPE_CHECKING

import filelock

from mmsearch_desktop.domain import LibraryBusy, LibraryProblem, NoSpace

if TYPE_CHECKING:
    from pathlib import Path


class LibraryLock:
    """Held from when it is made until `release`. LibraryBusy, NoSpace, LibraryProblem."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder = folder / "holder.json"
        self._lock = filelock.FileLock(
            folder / "library.lock", timeout=0, thread_local=False, mode=0o600
        )
        self._acquire()
        with contextlib.suppress(OSError):
            self._holder.write_text(json.dumps({"process": os.getpid()}), encoding="ascii")

    def release(self) -> None:
        with contextlib.suppress(OSError):
            self._holder.unlink(missing_ok=True)
        self._lock.release()

    def _acquire(self) -> None:
        try:
            # a lock in a folder that cannot be written looks like one that is held
            tempfile.TemporaryFile(dir=self._folder).close()
            self._lock.acquire()
        except filelock.Timeout as error:
            raise LibraryBusy(
                f"The library {self._folder} is open in another window or command of this program"
                f"{self._who()}. Use that one, or close it first."
            ) from error
        except (OSError, NotImplementedError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace(
                    f"{self._folder}: the disk is full. Free some space, then try again."
                ) from error
            reason = getattr(error, "strerror", None) or error
            raise LibraryProblem(
                f"The library {self._folder} cannot be written ({reason}). Give yourself the right"
                " to write there, or choose another library folder."
            ) from error

    def _who(self) -> str:
        try:
            process = int(json.loads(self._holder.read_text(encoding="ascii"))["process"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return f" (process {process})"
