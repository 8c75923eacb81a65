"""Decodes in other processes, so that a crash, a hang or a memory blow-up costs one photo.

A process is started when one is needed and none is idle, and kept for the next. Whoever asks holds
it from reading a file to having its picture; no thread of ours is needed between. One that dies, or
takes longer than it may, is reaped and not missed.

It is also what keeps the window smooth: decoding one large WebP holds Python's lock for 0.1 s, and
holds that of another process here.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import Photo, Preparation, UnreadablePhoto
from mmsearch_desktop.library.decode import DecodedPhoto, decode_photo, read_file
from mmsearch_desktop.library.decoder_messages import (
    Content,
    Decode,
    Decoded,
    Drop,
    GoOn,
    Large,
    Message,
    Read,
    Refused,
    Take,
    receive,
    send,
)
from mmsearch_desktop.library.decoder_process import Decoder, Limits, serve
from mmsearch_desktop.library.thumbnails import encoded

if TYPE_CHECKING:
    from PIL import Image

    from mmsearch_desktop.library.decoder_messages import Connection

_log = logging.getLogger("mmsearch.decode")
_reaping = threading.Lock()  # two threads that ask for one process's end lose its exit status

_LOOK_SECONDS = 0.2  # how often a waiting thread asks whether it should stop
_GRACE_SECONDS = 0.5  # what is being decoded may still take so long then
_SLOWEST_DISK = 500_000  # bytes a second
_SECONDS_TO_START = 60
_SECONDS_TO_END = 10
_STARTS = 3  # processes that never got ready, one after the other: then it cannot be done here

_CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP"})
_CRASHED = "the decoder crashed on it; the file is damaged, or made to do harm"
_TOO_LONG = "decoding it takes too long; the file is damaged, or made to do harm"
_LOST = (
    "its decoder was stopped, perhaps because memory ran out; close other programs, then add the"
    " folder again"
)
_NO_ANSWER = "reading or decoding it took too long; when this computer is less busy, try again"
_STOPPED = "it was not decoded: the work was stopped"
_NO_PICTURE = "the decoder gave no picture for it; the file is damaged, or made to do harm"


class DecoderLost(UnreadablePhoto):
    """It may go better another time: the decoder's end need not have been this file's doing."""


class _Stopped(DecoderLost):
    """Nobody wants it any more."""


class _Unavailable(Exception):
    """Processes cannot be started here."""


class OpenedFile:
    """A file that was read by a process, which waits for what is wanted of it."""

    def __init__(self, process: _Process | _Here, path: Path, sha256: str) -> None:
        self.sha256 = sha256  # of the bytes that are decoded, hexadecimal
        self._process = process
        self._path = path

    def decode(
        self, preparation: Preparation, *, model_side_pixels: int, thumbnail_pixels: int
    ) -> tuple[DecodedPhoto, bytes]:
        """Once: the picture, and its thumbnail's file. UnreadablePhoto, DecoderLost."""
        wanted = Decode(preparation, model_side_pixels, thumbnail_pixels)
        return self._process.decoded(wanted, self._path)


class Decoders:
    """Processes that decode; for any thread. `close` ends those that are idle."""

    def __init__(
        self, decoder: Decoder = decode_photo, limits: Limits | None = None, *, most_idle: int = 8
    ) -> None:
        """`decoder` must be a function of a module: processes import it by its name."""
        self._decoder = decoder
        self._limits = limits or Limits()
        self._most_idle = most_idle
        self._idle: list[_Process] = []
        self._lock = threading.Lock()
        self._large_one = threading.Lock()
        self._failed_starts = 0

    @contextlib.contextmanager
    def opened(
        self, path: Path, size_bytes: int = 0, stop: threading.Event | None = None
    ) -> Iterator[OpenedFile]:
        """Read and hash a file. UnreadablePhoto, DecoderLost; both also from what it yields.

        Once `stop` is set, what takes longer than a moment is given up.
        """
        with self._process(path, stop) as process:
            sha256 = process.read(path, size_bytes)
            try:
                yield OpenedFile(process, path, sha256)
            finally:
                process.drop()

    def decode(
        self, data: bytes, path: Path, preparation: Preparation, *, model_side_pixels: int = 224
    ) -> DecodedPhoto:
        """As `decode_photo`, at a distance."""
        with self._process(path, None) as process:
            process.take(data, path)
            return process.decoded(Decode(preparation, model_side_pixels, 0), path)[0]

    def rest(self, keep: int = 1) -> None:
        """End the idle processes but for so many: each takes 40 MB."""
        with self._lock:
            spare = self._idle[keep:]
            del self._idle[keep:]
        for process in spare:
            process.hang_up()
        for process in spare:
            process.end()

    def close(self) -> None:
        """End the idle ones. A later call starts others."""
        self.rest(keep=0)

    @contextlib.contextmanager
    def _process(self, path: Path, stop: threading.Event | None) -> Iterator[_Process | _Here]:
        process = self._idle_one() or self._started(path, stop)
        process.stop = stop
        try:
            yield process
        finally:
            self._back(process)

    def _idle_one(self) -> _Process | None:
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None or process.is_there():
                return process
            process.end()

    def _started(self, path: Path, stop: threading.Event | None) -> _Process | _Here:
        if self._failed_starts >= _STARTS:
            return _Here(self._decoder, self._large_one)
        try:
            process = _Process(self._decoder, self._limits, self._large_one)
            process.wait_until_ready(path, stop)
        except (_Unavailable, OSError) as error:
            self._failed_starts += 1
            _log.warning(
                "no process can be started for decoding, so a bad file may end this: %r", error
            )
            return _Here(self._decoder, self._large_one)
        self._failed_starts = 0
        return process

    def _back(self, process: _Process | _Here) -> None:
        if isinstance(process, _Here):
            return
        with self._lock:
            if process.is_settled and len(self._idle) < self._most_idle:
                self._idle.append(process)
                return
        process.end()


class _Process:
    """One process, and what it may still take. For one thread at a time."""

    def __init__(self, decoder: Decoder, limits: Limits, large_one: threading.Lock) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection: Connection
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, decoder, limits), name="decoder", daemon=True
        )
        try:
            with _reaping, _interrupts_held_back():
                self._process.start()
        except BaseException:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._limits = limits
        self._large_one = large_one
        self.stop: threading.Event | None = None
        self.is_settled = False  # it waits for a message, and holds no file
        self._has_ended = False

    def is_there(self) -> bool:
        """Whether it still waits; one that ended has closed its end of the pipe."""
        return not self._connection.poll(0)

    def wait_until_ready(self, path: Path, stop: threading.Event | None) -> None:
        """_Unavailable where it ends before, or takes too long; `_Stopped`."""
        self.stop = stop
        try:
            self._answer(_SECONDS_TO_START, path)
        except _Stopped:
            self.end()
            raise
        except UnreadablePhoto as problem:
            self.end()
            raise _Unavailable(problem.reason) from problem
        self.is_settled = True

    def read(self, path: Path, size_bytes: int) -> str:
        """The SHA-256 of the bytes that it now holds."""
        self._say(Read(str(path)), path)
        seconds = self._limits.ordinary.wall_seconds + size_bytes / _SLOWEST_DISK
        answer = self._answer(seconds, path)
        if isinstance(answer, Content):
            return answer.sha256
        self.is_settled = True
        raise UnreadablePhoto(path, _reason_in(answer))

    def take(self, data: bytes, path: Path) -> None:
        self._say(Take(str(path), (data,) if data else ()), path)

    def drop(self) -> None:
        if not self.is_settled and not self._has_ended:
            with contextlib.suppress(OSError):
                send(self._connection, Drop())
                self.is_settled = True

    def decoded(self, wanted: Decode, path: Path) -> tuple[DecodedPhoto, bytes]:
        self._say(wanted, path)
        answer = self._answer(self._limits.ordinary.wall_seconds, path)
        if isinstance(answer, Large):
            with self._large_one:
                self._say(GoOn(), path)
                answer = self._answer(self._limits.large.wall_seconds, path)
        self.is_settled = True
        if not isinstance(answer, Decoded):
            raise UnreadablePhoto(path, _reason_in(answer))
        try:
            return answer.photo(), answer.thumbnail
        except (LookupError, TypeError, ValueError) as error:
            raise UnreadablePhoto(path, _NO_PICTURE) from error

    def hang_up(self) -> None:
        """It ends by itself, if it still listens."""
        self._has_ended = True
        self._connection.close()

    def end(self) -> None:
        """Returns when it is gone and nothing of it is left, after a second at most."""
        self.hang_up()
        if not self.is_settled or not wait([self._process.sentinel], _GRACE_SECONDS):
            self._process.kill()
        if not wait([self._process.sentinel], _GRACE_SECONDS):
            _log.warning("a decoding process waits for its disk and cannot be ended now")
            return
        with _reaping:
            self._process.join()
            with contextlib.suppress(ValueError):  # somebody else has reaped it
                self._process.close()

    def _say(self, message: Message, path: Path) -> None:
        self.is_settled = False
        try:
            send(self._connection, message)
        except OSError as error:
            raise self._ended(path) from error

    def _answer(self, seconds: float, path: Path) -> Message:
        deadline = time.monotonic() + seconds
        is_stopped = False
        try:
            while not self._connection.poll(_LOOK_SECONDS):
                if not is_stopped and self.stop is not None and self.stop.is_set():
                    is_stopped = True
                    deadline = min(deadline, time.monotonic() + _GRACE_SECONDS)
                if time.monotonic() > deadline:
                    self._process.kill()
                    self._has_ended = True
                    raise _Stopped(path, _STOPPED) if is_stopped else DecoderLost(path, _NO_ANSWER)
            return receive(self._connection)
        except (EOFError, OSError) as error:
            raise self._ended(path) from error
        except ValueError as error:
            self._has_ended = True
            raise UnreadablePhoto(path, _NO_PICTURE) from error

    def _ended(self, path: Path) -> UnreadablePhoto:
        """Why it is not there any more."""
        self._has_ended = True
        status = None
        if wait([self._process.sentinel], _SECONDS_TO_END):
            with _reaping:
                self._process.join()
                status = self._process.exitcode
        _log.warning("%s: a decoding process ended with status %s", path, status)
        if status is None or status == 0:
            return DecoderLost(path, _LOST)
        if status > 0:  # Python's own error; on Windows crashes too
            return UnreadablePhoto(path, _CRASHED)
        name = _name_of_signal(-status)
        if name == "SIGPROF":
            return UnreadablePhoto(path, _TOO_LONG)
        return UnreadablePhoto(path, _CRASHED) if name in _CRASHES else DecoderLost(path, _LOST)


class _Here:
    """Does what a process does, where none can be started: a bad file may then end the program."""

    def __init__(self, decoder: Decoder, large_one: threading.Lock) -> None:
        self._decoder = decoder
        self._large_one = large_one
        self._data = b""
        self.stop: threading.Event | None = None

    def read(self, path: Path, size_bytes: int) -> str:  # noqa: ARG002 - as a process does
        self._data = read_file(path)
        return hashlib.sha256(self._data).hexdigest()

    def take(self, data: bytes, path: Path) -> None:  # noqa: ARG002
        self._data = data

    def drop(self) -> None:
        self._data = b""

    def decoded(self, wanted: Decode, path: Path) -> tuple[DecodedPhoto, bytes]:
        photo = self._decoder(
            self._data,
            path,
            Preparation(wanted.preparation),
            model_side_pixels=wanted.model_side_pixels,
            turn_of_large=self._large_one,
        )
        side = wanted.thumbnail_pixels
        return photo, encoded(photo.picture, side) if side else b""


def _reason_in(answer: Message) -> str:
    return answer.reason if isinstance(answer, Refused) else _NO_PICTURE


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl+C reaches every process of a terminal, also one that is not ready to ignore it."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield  # a process inherits the mask, and unblocks it when it is ready
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ------------------------------------------------------------------------- for everyone

DECODERS = Decoders()
"""One for the whole program: a process takes 0.3 s to start. None is started before it is asked."""


def decode_apart(
    data: bytes, path: Path, preparation: Preparation, *, model_side_pixels: int = 224
) -> DecodedPhoto:
    """As `decode.decode_photo`, in another process."""
    return DECODERS.decode(data, path, preparation, model_side_pixels=model_side_pixels)


def picture_of(photo: Photo, *, model_side_pixels: int = 224) -> Image.Image:
    """What a photo of the library shows, as a person sees it, from its file.

    UnreadablePhoto where that cannot be read, or shows something else by now.
    """
    data = read_file(photo.path)
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        raise UnreadablePhoto(photo.path, "the file has changed; look at its folder again")
    decoded = decode_apart(data, photo.path, Preparation.APP, model_side_pixels=model_side_pixels)
    return decoded.picture
