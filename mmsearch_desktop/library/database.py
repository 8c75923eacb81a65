"""One SQLite file used from any thread, its errors put into words; what the tables mean lies above.

https://www.sqlite.org/wal.html, https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import weakref
from typing import TYPE_CHECKING, Any

from mmsearch_desktop.domain import LibraryBusy, LibraryDamaged, LibraryProblem, NoSpace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_WAIT_SECONDS = 10.0  # for another connection's write
_SHRINK_RESERVE_BYTES = 500_000_000  # left free on the disk while the file is written anew
_FULL_BYTES = 1_000_000  # with less free, what SQLite calls an I/O error is a full disk

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_REFUSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}  # what a full disk may look like too
_PRIMARY = 0xFF  # the low byte of an extended result code


class _Connection:
    """One thread's connection; ends with its thread, or with the database."""

    def __init__(self, path: Path) -> None:
        self.sqlite = sqlite3.connect(
            path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self.sqlite.execute("PRAGMA foreign_keys = ON")
        # FULL, not NORMAL: a power cut may not take back a commit, for then an id that the vector
        # index already holds would be given out again, to another picture.
        self.sqlite.execute("PRAGMA synchronous = FULL")

    def __del__(self) -> None:
        if hasattr(self, "sqlite"):
            self.sqlite.close()


class Database:
    """Reads from any thread at any time; one write at a time.

    Raises LibraryDamaged, NoSpace, LibraryBusy or LibraryProblem for whatever SQLite reports.
    """

    def __init__(
        self,
        path: Path,
        *,
        schema: Sequence[str],
        version: int,
        small_tables: Sequence[str],
        upgrades: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        """Open, upgrade or create. `small_tables` are checked for damage now, others when read.

        `upgrades` has, for each older version, what brings a file to the next one.
        """
        self.path = path
        self._local = threading.local()
        self._all: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._opening = threading.Lock()
        self._writing = threading.RLock()
        self._closed = False
        self.writes = 0  # that have ended; who reads after one of them sees it
        with self._explained():
            self._prepare(schema, version, upgrades or {})
            self._check(small_tables)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._connection().execute(sql, parameters).fetchall()

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on disk when the block ends, or none of it."""
        with self._explained(), self._writing:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self.writes += 1  # under the lock of writing

    def shrink(self) -> None:
        """Give what was freed in the file back to the disk, if it is much and the disk has room.

        Writing waits for it: some seconds for 100,000 photos.
        """
        pages, free, size = (
            self.read(f"PRAGMA {fact}")[0][0]
            for fact in ("page_count", "freelist_count", "page_size")
        )
        room = shutil.disk_usage(self.path.parent).free - _SHRINK_RESERVE_BYTES
        if free * 10 < pages or (pages - free) * size * 2 > room:
            return  # new photos take the room in the file
        with self._explained(), self._writing:
            connection = self._connection()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close every thread's connection; the last one folds the write-ahead log in."""
        with self._opening:
            self._closed = True
            for connection in list(self._all):
                connection.sqlite.close()

    def _connection(self) -> sqlite3.Connection:
        held: _Connection | None = getattr(self._local, "held", None)
        if held is None or self._closed:
            held = self._new_connection()
        return held.sqlite

    def _new_connection(self) -> _Connection:
        with self._opening:  # `close` meets every connection, or there is none any more
            if self._closed:
                raise LibraryProblem(f"{self.path}: the library is closed. Open it again.")
            held = _Connection(self.path)
            self._local.held = held
            self._all.add(held)
            return held

    def _prepare(
        self, schema: Sequence[str], version: int, upgrades: Mapping[int, Sequence[str]]
    ) -> None:
        connection = self._connection()
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > version:
            raise LibraryProblem(
                f"{self.path} was written by a newer version of this program (format {found}; this"
                f" one knows {version}). Use the newer program, or choose another library folder."
            )
        connection.execute("PRAGMA journal_mode = WAL")
        if found == 0:
            self._create(schema, version)
        for older in range(found, version) if found else ():
            self._upgrade(upgrades[older], older)

    def _create(self, schema: Sequence[str], version: int) -> None:
        with self.write() as connection:
            if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise LibraryProblem(
                    f"{self.path} is a database of another program. Choose another library folder."
                )
            for statement in schema:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version:d}")

    def _upgrade(self, statements: Sequence[str], older: int) -> None:
        with self.write() as connection:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {older + 1:d}")

    def _check(self, tables: Sequence[str]) -> None:
        for table in tables:
            answer = self._connection().execute(f"PRAGMA quick_check('{table}')").fetchone()[0]
            if answer != "ok":
                raise self._damaged(f"table {table}: {answer}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._in_words(error) from error
        except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its message
            raise self._damaged("its schema cannot be read") from error

    def _in_words(self, error: sqlite3.Error) -> LibraryProblem:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        if code == sqlite3.SQLITE_FULL or (code in _DISK and self._is_disk_full()):
            return NoSpace(f"{self.path}: the disk is full. Free some space, then go on.")
        if code in DAMAGE:
            return self._damaged(str(error))
        if code in _BUSY:
            return LibraryBusy(f"{self.path} is in use by another program ({error}). Close it.")
        if code in _REFUSED:
            return LibraryProblem(
                f"{self.path} cannot be opened for writing ({error})."
                " Give yourself the right to write there, or choose another library folder."
            )
        if self._closed:
            return LibraryProblem(f"{self.path}: the library was closed meanwhile. Open it again.")
        kind = getattr(error, "sqlite_errorname", type(error).__name__)
        return LibraryProblem(f"{self.path}: {error} ({kind}). Check the disk, then start again.")

    def _is_disk_full(self) -> bool:
        """SQLite needs room even to read: for the file that its readers share."""
        try:
            return shutil.disk_usage(self.path.parent).free < _FULL_BYTES
        except OSError:
            return False

    def _damaged(self, fact: str) -> LibraryDamaged:
        suspect(self.path)
        return LibraryDamaged(
            f"{self.path} is damaged ({fact}). Your photos are untouched. Start the program again:"
            " the newest good backup then takes its place, and your folders are looked through."
        )


def suspicion(path: Path) -> Path:
    """The file that says that all of this one must be looked at before it is trusted again."""
    return path.with_suffix(".suspect")


def suspect(path: Path) -> None:
    with contextlib.suppress(OSError):
        suspicion(path).touch()
