"""Copies of the catalogue: a few are kept, and the newest good one takes a damaged one's place.

catalogue.sqlite             the one in use (and -wal, -shm beside it)
catalogue.suspect            there while something in it was found damaged: look at all of it
backups/2026-11-23.sqlite    as it was when the library was last closed on that day
backups/format-1.sqlite      as it was before it was brought to a newer format
damaged/2026-11-23 …         what was replaced, for whoever wants to look

A copy is made only of a catalogue that has been looked through, and is in place whole or not at
all. https://www.sqlite.org/lang_vacuum.html#vacuuminto, https://www.sqlite.org/fileformat.html
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mmsearch_desktop.domain import LibraryDamaged, LibraryProblem, NoSpace
from mmsearch_desktop.library.database import DAMAGE, suspect, suspicion

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger("mmsearch.library")

KEPT_DAYS = 3
_KEPT_DAMAGED = 2
_BESIDE = ("-wal", "-shm")  # without them SQLite would put their pages into another file
_UNFINISHED = ".new"
_FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
_HEADER_BYTES = 100


@dataclass(frozen=True, slots=True)
class Restored:
    """What took the place of a damaged catalogue."""

    day: str | None  # when the copy was made, such as "2026-11-23"; None: there was no good copy
    damaged: Path | None  # where the damaged one is kept; None: there was nothing left of it
    folders: tuple[Path, ...] = ()  # that the damaged one still told of


class Backups:
    """The copies of one catalogue. For one program at a time: whoever holds the library."""

    def __init__(self, catalogue: Path, *, version: int) -> None:
        """`version`: the newest format that this program reads."""
        self._catalogue = catalogue
        self._version = version
        self._folder = catalogue.parent / "backups"
        self._damaged = catalogue.parent / "damaged"

    def copies(self) -> list[Path]:
        """The newest first."""
        with contextlib.suppress(OSError):
            return sorted(self._folder.glob("*.sqlite"), key=_changed, reverse=True)
        return []

    def is_due(self) -> bool:
        """Whether there is none of today."""
        return not (self._folder / f"{_today()}.sqlite").exists()

    def make(self) -> bool:
        """Copy the catalogue as today's, in place of an earlier one of today; drop old ones.

        Takes about 2 s for 100,000 photos; reading and writing go on meanwhile. False where that
        could not be done: it is logged, and nothing is lost by it.
        """
        try:
            if not is_sound(self._catalogue):
                suspect(self._catalogue)
                _log.warning("%s is damaged; no copy is made of it", self._catalogue)
                return False
            self._copy_to(self._folder / f"{_today()}.sqlite")
        except (OSError, sqlite3.Error, LibraryProblem) as error:
            _log.warning("%s: no backup was made (%s)", self._catalogue, error)
            return False
        days = [copy for copy in self.copies() if not copy.stem.startswith("format")]
        _remove(days[KEPT_DAYS:])
        return True

    def make_before_upgrade(self) -> None:
        """A copy of a catalogue that is about to be brought to a newer format. NoSpace."""
        try:
            found = version_of(self._catalogue)
            if 0 < found < self._version:
                self._copy_to(self._folder / f"format-{found}.sqlite")
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise self._no_space() from error
            if code in DAMAGE:
                raise LibraryDamaged(f"{self._catalogue} is damaged ({error}).") from error
            # else opening it says what is wrong
        except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its message
            raise LibraryDamaged(f"{self._catalogue} is damaged (its schema).") from error

    def require_sound(self) -> None:
        """LibraryDamaged where the catalogue is gone, cut off, or was suspected with reason."""
        if self._is_lost():
            raise LibraryDamaged(f"{self._catalogue} is gone.")
        if _is_cut_off(self._catalogue):
            raise LibraryDamaged(f"{self._catalogue} is damaged: its end is missing.")
        mark = suspicion(self._catalogue)
        if mark.exists():
            if not is_sound(self._catalogue):
                raise LibraryDamaged(f"{self._catalogue} is damaged.")
            _remove([mark])

    def restore(self) -> Restored:
        """Put the newest good copy in the catalogue's place and the damaged one aside. NoSpace.

        Without a good copy there is no catalogue afterwards, and the next one begins empty.
        """
        good = next((copy for copy in self.copies() if self._is_good(copy)), None)
        unfinished = self._catalogue.with_suffix(_UNFINISHED)
        with self._disk_told():
            if good is not None:
                _copy_file(good, unfinished)
            folders = _folders_told_by(self._catalogue)
            damaged = self._put_aside()
            if good is not None:
                unfinished.replace(self._catalogue)
        _remove([suspicion(self._catalogue)])
        day = None if good is None else time.strftime("%Y-%m-%d", time.localtime(_changed(good)))
        return Restored(day, damaged, folders)

    # -- inside ----------------------------------------------------------------------------

    def _is_lost(self) -> bool:
        """Gone, or empty as some file systems leave a file after a power cut."""
        there = self._catalogue.is_file() and self._catalogue.stat().st_size > 0
        used_before = bool(self.copies()) or (self._catalogue.parent / "index").is_dir()
        return not there and used_before

    def _is_good(self, copy: Path) -> bool:
        try:
            return 0 < version_of(copy) <= self._version and is_sound(copy)
        except (OSError, sqlite3.Error):
            return False

    def _copy_to(self, target: Path) -> None:
        with self._disk_told():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            unfinished = target.with_suffix(_UNFINISHED)
            unfinished.unlink(missing_ok=True)
            self._require_room()
            try:
                with contextlib.closing(sqlite3.connect(self._catalogue)) as source:
                    # as bytes: its name need not be text
                    source.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(unfinished),))
                _sync(unfinished)
                unfinished.replace(target)
                _sync(target.parent)
            finally:
                _remove([unfinished])

    def _require_room(self) -> None:
        """Room for as much again: a backup may not be what fills the disk."""
        size = self._catalogue.stat().st_size
        if shutil.disk_usage(self._catalogue.parent).free < 2 * size:
            raise self._no_space()

    def _no_space(self) -> NoSpace:
        size = self._catalogue.stat().st_size if self._catalogue.exists() else 0
        return NoSpace(
            f"{self._catalogue}: the disk has no room for a copy of it. Free"
            f" {max(1, round(2 * size / 1e6)):,} MB, then try again."
        )

    def _put_aside(self) -> Path | None:
        """The files beside it go first: they may not meet the copy that takes its place."""
        stamp = time.strftime("%Y-%m-%d %H.%M.%S")
        target = self._damaged / f"{stamp} {self._catalogue.name}"
        for ending in (*_BESIDE, ""):
            path = self._catalogue.with_name(self._catalogue.name + ending)
            if path.exists():
                self._damaged.mkdir(mode=0o700, exist_ok=True)
                path.replace(target.with_name(target.name + ending))
        kept = sorted(self._damaged.glob("*.sqlite"), reverse=True)
        for old in kept[_KEPT_DAMAGED:]:
            _remove([old, *(old.with_name(old.name + ending) for ending in _BESIDE)])
        return target if target.exists() else None

    @contextlib.contextmanager
    def _disk_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL_DISK:
                raise self._no_space() from error
            raise LibraryProblem(
                f"{error.filename or self._catalogue} cannot be written"
                f" ({error.strerror or error}). Give yourself the right to write there, then try"
                " again."
            ) from error


def version_of(catalogue: Path) -> int:
    """Its format; 0 where there is none. sqlite3.Error where it cannot be read."""
    if not catalogue.is_file():
        return 0
    with contextlib.closing(_reading(catalogue)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_sound(catalogue: Path) -> bool:
    """Whether SQLite finds every page, index and reference of it as it should be.

    1.5 s at 100,000 photos. OSError or sqlite3.OperationalError where it cannot be read at all.
    """
    try:
        with contextlib.closing(_reading(catalogue)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            return found == "ok" and not connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # the latter: a message of SQLite itself
        return False


def _reading(catalogue: Path) -> sqlite3.Connection:
    """Not `mode=ro`, with which SQLite cannot read past a write-ahead log that was left."""
    uri = f"file:{quote(os.fsencode(catalogue))}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=10)


def _folders_told_by(damaged: Path) -> tuple[Path, ...]:
    """Those of its folders that are there: they need not be added again by hand."""
    if not damaged.is_file():
        return ()
    try:
        with contextlib.closing(_reading(damaged)) as connection:
            added = " WHERE part_of IS NULL" if _has_drives(connection) else ""
            rows = connection.execute(f"SELECT path FROM folders{added}").fetchall()  # noqa: S608 - constants
        paths = (Path(os.fsdecode(path)) for (path,) in rows if isinstance(path, bytes))
        return tuple(path for path in paths if path.is_dir())
    except (OSError, ValueError, sqlite3.Error):
        return ()


def _has_drives(connection: sqlite3.Connection) -> bool:
    """Whether it is of a version that keeps drives below folders among these."""
    columns = connection.execute("PRAGMA table_info(folders)").fetchall()
    return "part_of" in [name for _, name, *_ in columns]


def _is_cut_off(catalogue: Path) -> bool:
    """Whether its end is missing, which SQLite sees only when it comes to it.

    While there is a write-ahead log, the file may rightly be shorter than its head says.
    """
    if _wal_of(catalogue) or not catalogue.is_file():
        return False
    size = catalogue.stat().st_size
    with catalogue.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES or not head.startswith(b"SQLite format 3\0"):
        return False
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    return size < pages * (65536 if page == 1 else page)


def _wal_of(catalogue: Path) -> int:
    """Bytes of its write-ahead log."""
    log = catalogue.with_name(f"{catalogue.name}-wal")
    return log.stat().st_size if log.is_file() else 0


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    _sync(target)


def _sync(path: Path) -> None:
    """To the disk itself. A folder cannot be opened on Windows, where none needs it."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be removed (%s)", path, error)


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _today() -> str:
    return time.strftime("%Y-%m-%d")
