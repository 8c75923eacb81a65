"""Opens, calls and closes the Milvus engine behind one file; every error of it becomes ours.

Two engines speak the same client: milvus-lite 2.5.1 (Linux, macOS) is a child process behind a
unix socket, milvus-lite 3 (Windows) runs inside this one. What is done here that looks odd keeps
one of them from failing: both read the environment, the temporary folder and the home folder.

https://github.com/milvus-io/milvus-lite (tags v2.5.1, 3.2.2), https://github.com/milvus-io/pymilvus
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import logging
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from mmsearch_desktop.domain import LibraryDamaged, LibraryProblem, NoSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger("mmsearch.library")
_T = TypeVar("_T")

RESERVE_BYTES = 500_000_000  # free space below which the engines lose rows they acknowledged
_LONGEST_PATH = 500  # bytes; 2.5.1 fails at 505
_LONGEST_SOCKET_FOLDER = 60  # bytes; with the socket's own name at most 104 on macOS, 108 on Linux
_SILENT_SECONDS = 60.0  # a write that takes longer hangs
_GONE = 2  # MilvusException.code: nobody listens at the socket

# pymilvus reads these when imported (a MILVUS_URI that is a path makes the import itself fail),
# the engine the others when started.
_UNWANTED = ("MILVUS_URI", "MILVUS_DEFAULT_CONNECTION", "BIN_PATH", "LOG_LEVEL")
_process_wide = threading.Lock()  # environment and tempfile.tempdir belong to everyone


class EngineGone(LibraryProblem):
    """The engine's process has ended or hangs; opening it again helps."""


def engine_folder() -> str:
    """Name of the folder for this engine's files: neither engine reads the other's."""
    return f"milvus-lite-{_major_version()}"


def _major_version() -> str:
    try:
        return importlib.metadata.version("milvus-lite").split(".")[0]
    except importlib.metadata.PackageNotFoundError:  # a packaged app may come without metadata
        return "3" if sys.platform == "win32" else "2"


def require_space(folder: Path, pending_bytes: int, reserve_bytes: int = RESERVE_BYTES) -> None:
    """NoSpace unless the disk of `folder` takes twice the pending bytes and keeps the reserve."""
    free = shutil.disk_usage(folder).free
    if free < 2 * pending_bytes + reserve_bytes:
        raise NoSpace(
            f"{folder}: only {free / 1e6:.0f} MB are free on this disk; at least"
            f" {(2 * pending_bytes + reserve_bytes) / 1e6:.0f} MB are needed to store safely."
            " Free some space, then go on: nothing that was stored is lost."
        )


class MilvusEngine:
    """The engine of one file, with one collection in it.

    `prepare` is given the client each time the engine has been opened. Calls may come from any
    thread; whoever finds the engine gone opens it again for all.
    """

    upserts = False  # 2.5.1 takes 0.3 s for any among 100,000 rows, however few
    batch_bytes = 600_000  # larger ones were acknowledged on a full disk without being stored

    def __init__(self, file: Path, *, prepare: Callable[[Any], None], reserve_bytes: int) -> None:
        self.file = file
        self.opened = 0  # how often; tells whether another thread has opened it again meanwhile
        self._prepare = prepare
        self.reserve_bytes = reserve_bytes
        self._lock = threading.RLock()
        self._releasing = threading.Lock()
        self._client: Any = None
        self._running = False
        self.closed = False

    @property
    def name(self) -> str:
        return str(self.file)

    @property
    def counts_on_disk(self) -> bool:
        """2.5.1 keeps a file, milvus-lite 3 a folder."""
        return self.file.is_file()

    @property
    def quick_reading(self) -> dict[str, str]:
        return {}  # everything that was written is seen anyway

    def open(self) -> None:
        """LibraryProblem or NoSpace: it cannot work here. LibraryDamaged: the file is to blame.

        A file that is there opens on a full disk too: searching needs no room.
        """
        with self._lock:
            self._require_usable()
            if not self.file.exists():
                require_space(self.file.parent, 0, self.reserve_bytes)
            try:
                self._start()
            except LibraryDamaged as error:
                # an engine that another, killed app left behind needs a moment to end
                _log.info("%s; trying once more", error)
                time.sleep(0.5)
                self._start()
            self.opened += 1

    def reopen(self, *, seen: int) -> None:
        """Open again, unless that was done since `opened` was `seen`."""
        with self._lock:
            if self.opened == seen and not self.closed:
                _log.warning("%s: the index engine is started again", self.file)
                self._stop()
                self.open()

    def close(self) -> None:
        """End it for good; 2.5.1's process ends within 0.1 s, or is killed after 2 s."""
        with self._lock:
            self.closed = True
            self._stop()

    def _stop(self) -> None:
        with self._lock:
            client, self._client = self._client, None
            if client is None:
                return
            self._release()
            with contextlib.suppress(*_engine_errors()):
                client.close()

    def start_empty(self) -> None:
        """Delete the file and begin anew: everything in it can be made from the catalogue."""
        with self._lock:
            self._require_usable()
            require_space(self.file.parent, 0, self.reserve_bytes)
            self._stop()
            _delete(self.file)
            self.open()

    def read(self, call: Callable[[Any], _T]) -> _T:
        """`call` with the client; if the engine is found gone it is opened again, once."""
        seen = self.opened
        try:
            return self._call(call)
        except EngineGone:
            self.reopen(seen=seen)
            return self._call(call)

    def write(self, call: Callable[[Any], object], *, silent_seconds: float | None = None) -> None:
        """`call` with the client, never repeated. After any error: `reopen`, look, then go on.

        A write gets no timeout, for pymilvus would repeat it until then; one that stays silent
        has its engine killed instead.
        """
        limit = _SILENT_SECONDS if silent_seconds is None else silent_seconds
        watchdog = threading.Timer(limit, self._release)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._call(call)
        finally:
            watchdog.cancel()
            watchdog.join()

    def flush(self, collection: str) -> None:
        """milvus-lite 3 searches unflushed rows slowly; 2.5.1 has nothing to do."""
        self.write(lambda client: client.flush(collection))

    def require_space(self, pending_bytes: int) -> None:
        require_space(self.file.parent, pending_bytes, self.reserve_bytes)

    def stored_rows(self, collection: str) -> int | None:
        """Rows that 2.5.1 has on disk, past its own bookkeeping; None where that cannot be told.

        On a full disk it acknowledges rows that it never stored. Only for the thread that writes,
        between its writes: the lock of this read makes a write fail.
        """
        if not self.file.is_file():
            return None
        try:
            with contextlib.closing(
                sqlite3.connect(f"file:{quote(os.fsencode(self.file))}?mode=ro", uri=True)
            ) as connection:
                name = collection.replace('"', '""')
                row = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()  # noqa: S608 - our own name
                return int(row[0])
        except sqlite3.Error as error:
            _log.warning("%s: its rows cannot be counted on disk: %s", self.file, error)
            return None

    # -- inside ----------------------------------------------------------------------------

    def _call(self, call: Callable[[Any], _T]) -> _T:
        client = self._client
        if self.closed:
            raise LibraryProblem(f"{self.file}: the index is closed. Open the library again.")
        if client is None:
            raise EngineGone(f"{self.file}: the index engine is not running.")
        try:
            return call(client)
        except _engine_errors() as error:
            raise self._in_words(error) from error

    def _in_words(self, error: Exception) -> LibraryProblem:
        import grpc

        # ValueError: grpc's word for a channel that another thread has just closed
        if isinstance(error, grpc.RpcError | ValueError) or getattr(error, "code", None) == _GONE:
            return EngineGone(f"{self.file}: the index engine does not answer ({short(error)}).")
        return LibraryProblem(
            f"{self.file}: the index engine refused ({short(error)})."
            " Start the program again: the index is then checked and made anew where needed."
        )

    def _require_usable(self) -> None:
        folder = self.file.parent
        if len(os.fsencode(self.file)) > _LONGEST_PATH:
            raise LibraryProblem(
                f"{self.file}: the path is too long for the index ({_LONGEST_PATH} bytes at most)."
                " Choose a library folder nearer to the top."
            )
        if engine_folder() != "milvus-lite-2" and not _is_text(self.file):
            raise LibraryProblem(
                f"{self.file}: the folder's name holds what is no text, which the index cannot"
                " open here. Rename it, or choose another library folder."
            )
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LibraryProblem(
                f"{folder} cannot be made ({error.strerror}). Choose another library folder."
            ) from error
        for place in (folder, self.file):
            if place.exists() and not os.access(place, os.W_OK):
                raise LibraryProblem(
                    f"{place} may not be written. Give yourself the right to,"
                    " or choose another library folder."
                )

    def _start(self) -> None:
        with _process_wide, _quiet_surroundings(self.file.parent):
            milvus_client = client_class()
            self._running = True  # perhaps: from here on there may be a process to end
            try:
                self._client = milvus_client(str(self.file))
                self._prepare(self._client)
            except _engine_errors() as error:
                self._release()
                self._client = None
                raise LibraryDamaged(
                    f"{self.file}: the vector index cannot be opened ({short(error)})."
                    " Start the program again: it is then made anew."
                ) from error

    def _release(self) -> None:
        from milvus_lite.server_manager import server_manager_instance

        with self._releasing:
            running, self._running = self._running, False
            if running:
                server_manager_instance.release_server(str(self.file))


def _is_text(path: Path) -> bool:
    """milvus-lite 3 opens its files by pyarrow, which names them in UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def client_class() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # milvus-lite 2.5.1 imports pkg_resources
            importlib.import_module("milvus_lite.server_manager")
            pymilvus = importlib.import_module("pymilvus")
    except ImportError as error:
        raise LibraryProblem(
            f"The vector index cannot be started: {error}. Install the program again"
            " (milvus-lite 2.5 needs setuptools below 81)."
        ) from error
    # it prints each failed call on standard error; they all come to us as exceptions
    logging.getLogger("pymilvus").handlers[:] = [logging.NullHandler()]
    # and milvus-lite 3 prints that it does not know what pymilvus asks when it connects
    logging.getLogger("grpc._server").setLevel(logging.CRITICAL)
    return pymilvus.MilvusClient


def _engine_errors() -> tuple[type[Exception], ...]:
    import grpc
    import pymilvus

    return (pymilvus.MilvusException, grpc.RpcError, RuntimeError, ValueError, OSError)


def short(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error)
    return text.splitlines()[0][:200] if text else type(error).__name__


def _delete(file: Path) -> None:
    try:
        if file.is_dir():
            shutil.rmtree(file)
        for name in (file.name, f"{file.name}-journal"):
            file.with_name(name).unlink(missing_ok=True)
    except OSError as error:
        raise LibraryProblem(
            f"{file} is damaged and cannot be replaced ({error.strerror})."
            " Give yourself the right to write there, then start again."
        ) from error


def imported_client_class() -> Any:
    """As `client_class`, whatever the environment and the current folder would have it read."""
    with _process_wide, _environment({}):
        return client_class()


@contextlib.contextmanager
def _quiet_surroundings(engine_files: Path) -> Iterator[None]:
    """What both engines read of their surroundings, put right while one is opened."""
    # 2.5.1 wants to write ~/.cache/milvus
    home = {} if _has_home() else {"HOME": str(engine_files)}
    temporary = tempfile.tempdir
    with _environment(home):
        if sys.platform != "win32":
            tempfile.tempdir = str(socket_folder())
        logging.getLogger().addFilter(_is_not_milvus)
        try:
            yield
        finally:
            logging.getLogger().removeFilter(_is_not_milvus)
            tempfile.tempdir = temporary


@contextlib.contextmanager
def _environment(others: dict[str, str]) -> Iterator[None]:
    """Without what misleads pymilvus and the engines, and with these; then as before."""
    names = (*_UNWANTED, "PYTHON_DOTENV_DISABLED", "GLOG_minloglevel", *others)
    before = {name: os.environ.get(name) for name in names}
    for name in _UNWANTED:
        os.environ.pop(name, None)
    os.environ["PYTHON_DOTENV_DISABLED"] = "1"  # else a .env file of the current folder is read
    os.environ.setdefault("GLOG_minloglevel", "3")  # 2.5.1 prints what comes to us as errors
    os.environ.update(others)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _is_not_milvus(record: logging.LogRecord) -> bool:
    """2.5.1 logs to the root logger what it then fails with."""
    return "milvus_lite" not in record.pathname


def _has_home() -> bool:
    home = os.environ.get("HOME")
    return sys.platform == "win32" or (home is not None and os.access(home, os.W_OK | os.X_OK))


def socket_folder() -> Path:
    """A private folder with a short name, where others cannot reach a socket of ours."""
    for place in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 - checked to be ours
        if not place or not os.access(place, os.W_OK | os.X_OK):
            continue
        folder = Path(place) / f"mmsearch-{os.getuid()}"
        if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER and _is_private(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix="mmsearch-", dir="/tmp"))


def _is_private(folder: Path) -> bool:
    """Make it if need be; whether it is a folder of ours that nobody else may enter."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and stat.S_IMODE(found.st_mode) == 0o700
    )
