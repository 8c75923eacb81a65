"""A process that decodes what it is sent until nobody asks any more; it may crash, hang, or grow.

It imports neither models nor Qt nor Milvus, so it is there in a quarter of a second and takes
40 MB. What it may use for one picture is bounded by the system, not by the decoder's good will:

                        Linux                macOS                Windows
    processor time      ITIMER_PROF          ITIMER_PROF          no (the asker's clock)
    memory              RLIMIT_DATA          no: not enforced     no: needs a job object
    pixels              by `decode`, before any is decoded, everywhere

It ends by itself when the one that asks is gone: at the end of the pipe, and where a decoder hangs
at the latest when the watchdog of faulthandler, which needs no lock of Python's, runs out.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mmsearch_desktop.domain import Preparation, UnreadablePhoto
from mmsearch_desktop.library.decode import DecodedPhoto, Turn, read_file
from mmsearch_desktop.library.decoder_messages import (
    Content,
    Decode,
    Decoded,
    Drop,
    GoOn,
    Large,
    Message,
    Read,
    Ready,
    Refused,
    Take,
    receive,
    send,
)
from mmsearch_desktop.library.thumbnails import encoded

if TYPE_CHECKING:
    from typing import IO

    from mmsearch_desktop.library.decoder_messages import Connection

_KILLED_FIRST = "700"  # of -1,000 to 1,000, where memory runs out: before the window
_ORPHAN_SECONDS = 30  # beyond what the asker waits
_STDERR = 2
_NO_CRASH_DIALOG = 0x0001 | 0x0002  # SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX


class Decoder(Protocol):
    """As `decode.decode_photo`. Sent to the process by its name."""

    def __call__(
        self,
        data: bytes,
        path: Path,
        preparation: Preparation,
        *,
        model_side_pixels: int,
        turn_of_large: Turn,
    ) -> DecodedPhoto: ...


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one picture may cost."""

    processor_seconds: float  # of all threads together
    wall_seconds: float
    memory_bytes: int  # of the whole process


@dataclass(frozen=True, slots=True)
class Limits:
    """Far beyond what photos need: 12 megapixels take 0.05 to 0.6 s and 0.1 GB."""

    ordinary: Allowance = Allowance(20, 60, 2_000_000_000)
    large: Allowance = Allowance(120, 360, 6_000_000_000)  # over `decode.LARGE_PIXELS`


def serve(connection: Connection, decoder: Decoder, limits: Limits) -> None:
    """Answer one message after the other until the other end is closed."""
    with contextlib.suppress(EOFError, OSError), Path(os.devnull).open("wb") as nowhere:
        _be_expendable()
        process = _Process(connection, decoder, limits, nowhere)
        send(connection, Ready())
        while True:
            process.obey(receive(connection))


class _Process:
    """What is kept between two messages: one file's bytes."""

    def __init__(
        self, connection: Connection, decoder: Decoder, limits: Limits, nowhere: IO[bytes]
    ) -> None:
        self._connection = connection
        self._decoder = decoder
        self._limits = limits
        self._nowhere = nowhere
        self._path = Path()
        self._data = b""

    def obey(self, message: Message) -> None:
        if isinstance(message, Read):
            self._path = Path(message.path)
            send(self._connection, self._read())
        elif isinstance(message, Take):
            self._path, self._data = Path(message.path), message.data
        elif isinstance(message, Drop):
            self._data = b""
        elif isinstance(message, Decode):
            answer = self._decoded(message)
            self._data = b""
            send(self._connection, answer)

    def _read(self) -> Message:
        try:
            self._data = read_file(self._path)
        except UnreadablePhoto as problem:
            return Refused(problem.reason)
        return Content(hashlib.sha256(self._data).hexdigest())

    def _decoded(self, wanted: Decode) -> Message:
        with self._within(self._limits.ordinary), _silence(self._nowhere):
            try:
                photo = self._decoder(
                    self._data,
                    self._path,
                    Preparation(wanted.preparation),
                    model_side_pixels=wanted.model_side_pixels,
                    turn_of_large=self._turn_of_large(),
                )
            except UnreadablePhoto as problem:
                return Refused(problem.reason)
            side = wanted.thumbnail_pixels
            return Decoded.of(photo, encoded(photo.picture, side) if side else b"")

    @contextlib.contextmanager
    def _turn_of_large(self) -> Iterator[None]:
        """The asker knows whose turn it is: a lock shared by processes dies with its holder."""
        _allow(None, self._nowhere)
        send(self._connection, Large())
        if not isinstance(receive(self._connection), GoOn):
            raise EOFError
        _allow(self._limits.large, self._nowhere)
        yield

    @contextlib.contextmanager
    def _within(self, allowance: Allowance) -> Iterator[None]:
        _allow(allowance, self._nowhere)
        try:
            yield
        finally:
            _allow(None, self._nowhere)


@contextlib.contextmanager
def _silence(nowhere: IO[bytes]) -> Iterator[None]:
    """Decoders in C tell whoever has a terminal of each damaged tag."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # a program with windows has none
        yield
        return
    os.dup2(nowhere.fileno(), _STDERR)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)


def _be_expendable() -> None:
    """Where something has to go, it is this process; and it goes quietly."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the one that asks
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # see decoders._starting
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetErrorMode(_NO_CRASH_DIALOG)
    else:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_KILLED_FIRST, encoding="ascii")


def _allow(allowance: Allowance | None, nowhere: IO[bytes]) -> None:
    """From now on; None: as much as it takes."""
    _allow_time(0 if allowance is None else allowance.processor_seconds)
    _allow_memory(None if allowance is None else allowance.memory_bytes)
    if allowance is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        seconds = allowance.wall_seconds + _ORPHAN_SECONDS
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)


def _allow_time(seconds: float) -> None:
    """The system ends the process by SIGPROF, whatever it is doing."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _allow_memory(size_bytes: int | None) -> None:
    """Beyond it the system refuses: decoders fail, and say so or crash."""
    if sys.platform == "linux":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        wanted = hard if size_bytes is None else min(size_bytes, _most_of_memory())
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _most_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4
