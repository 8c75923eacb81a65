"""Fetches one file of the model hub into a part file, going on where an earlier try stopped.

Addresses are {base}/{repo}/resolve/{revision}/{path}. Large files are redirected to a store; the
redirect's headers X-Linked-Size and X-Linked-ETag (its sha256) name the content
(huggingface_hub, file_download.py).
"""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from mmsearch_desktop import __version__
from mmsearch_desktop.domain import DownloadFailed

if TYPE_CHECKING:
    import httpx

HUB = "https://huggingface.co"
ENDPOINT_VARIABLE = "HF_ENDPOINT"  # the hub's own tools read it too
_MOST_WAIT_SECONDS = 60.0
_TICK_SECONDS = 0.1  # a wait can be cancelled this often
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_REASONS = {
    401: "asks for a login (it does so too for what does not exist)",
    403: "does not allow it",
    404: "has no such file: it was moved or renamed",
    410: "has it no longer",
}
_log = logging.getLogger("mmsearch.models")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a download waits for the network before it gives up."""

    answer_seconds: float = 10.0  # to connect, and between two pieces
    tries: int = 5  # in a row without one new byte; 2 where the server never answered
    first_wait_seconds: float = 1.0  # doubled with every try


@dataclass(frozen=True, slots=True)
class Arrival:
    """How much of a file is here, and what the hub says of the whole of it."""

    bytes_here: int
    total_bytes: int | None
    sha256: str | None  # None: the hub did not say


class _TryAgain(Exception):
    """This try failed in a way that another may not."""

    def __init__(self, reason: str, *, answered: bool, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.answered = answered
        self.wait_seconds = wait_seconds


class Hub:
    """Connections to one hub; a context manager. Opens no socket before `fetch` is iterated."""

    def __init__(self, base_url: str | None = None, patience: Patience | None = None) -> None:
        self.base_url = (base_url or os.environ.get(ENDPOINT_VARIABLE) or HUB).rstrip("/")
        self._patience = patience or Patience()
        self._client = _new_client(self._patience.answer_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def address(self, repo: str, revision: str, path: str) -> str:
        return f"{self.base_url}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def fetch(self, address: str, part: Path) -> Iterator[Arrival]:
        """Yields as the bytes come; done when the file is whole, unchecked, in `part`.

        An item comes with every piece, and some ten times a second while waiting to try again.
        Closing it keeps the part. Raises DownloadFailed, and OSError if the disk refuses.
        """
        furthest, failures, answered = _size(part), 0, False
        while True:
            try:
                yield from self._receive(address, part)
            except _TryAgain as trouble:
                answered = answered or trouble.answered
                failures = 1 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                if failures >= (self._patience.tries if answered else 2):
                    raise _gave_up(address, trouble, furthest) from trouble
                _log.info("%s: %s; trying again", address, trouble)
                yield from self._wait(failures, trouble.wait_seconds, furthest)
            else:
                return

    def _wait(self, failures: int, asked_seconds: float, here: int) -> Iterator[Arrival]:
        seconds = max(asked_seconds, self._patience.first_wait_seconds * 2 ** (failures - 1))
        end = time.monotonic() + min(seconds, _MOST_WAIT_SECONDS)
        while (left := end - time.monotonic()) > 0:
            yield Arrival(here, None, None)
            time.sleep(min(left, _TICK_SECONDS))

    def _receive(self, address: str, part: Path) -> Iterator[Arrival]:
        import httpx

        have = _size(part)
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with self._client.stream("GET", address, headers=headers) as response:
                yield from _write(response, part, have)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise DownloadFailed(
                f"{address}: cannot be fetched: {_sentence(error)} Check {ENDPOINT_VARIABLE}, if it"
                " is set."
            ) from error
        except httpx.RequestError as error:
            answered = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise _TryAgain(_network_trouble(error), answered=answered) from error


def _new_client(answer_seconds: float) -> httpx.Client:
    import httpx

    try:
        return httpx.Client(
            follow_redirects=True,
            timeout=answer_seconds,
            headers={
                "User-Agent": f"mmsearch-desktop/{__version__}",
                "Accept-Encoding": "identity",  # lengths and offsets are of the file itself
            },
        )
    except (ImportError, ValueError) as error:  # a proxy of a kind that httpx does not know
        raise DownloadFailed(
            f"The proxy that is set for this computer cannot be used ({error}). Set an http proxy "
            "in HTTPS_PROXY, or unset ALL_PROXY."
        ) from error


def _write(response: httpx.Response, part: Path, have: int) -> Iterator[Arrival]:
    whole = _described(response)
    if response.status_code == 416 and whole.total_bytes == have and _same_edition(response, part):
        yield Arrival(have, have, whole.sha256)  # all of it had come before
        return
    at = _start(response, part, have)
    yield Arrival(at, whole.total_bytes, whole.sha256)
    with part.open("r+b" if at else "wb") as stream:
        stream.seek(at)
        if not at:
            _tag_file(part).write_text(_edition(response), encoding="utf-8")
        for piece in response.iter_raw():
            stream.write(piece)
            at += len(piece)
            yield Arrival(at, whole.total_bytes, whole.sha256)
        stream.flush()
        os.fsync(stream.fileno())
    if whole.total_bytes is not None and at < whole.total_bytes:
        raise _TryAgain("the connection was cut", answered=True)


def _start(response: httpx.Response, part: Path, have: int) -> int:
    """The offset from which this answer is to be written."""
    status, host = response.status_code, response.url.host
    if status in _BUSY:
        wait = response.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isdecimal() else 0.0
        raise _TryAgain(f"{host} is busy ({status})", answered=True, wait_seconds=seconds)
    if status == 416:
        forget(part)
        raise _TryAgain("the file on the server is another one now", answered=True)
    if status not in {200, 206}:
        reason = _REASONS.get(status, "refuses it")
        raise DownloadFailed(f"{response.url}: {host} {reason} (answer {status}).")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise DownloadFailed(
            f"{response.url}: a web page came in place of the file. Perhaps this network wants "
            "you to sign in first: open any page in a browser."
        )
    if status == 200:
        return 0
    span = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if span and int(span[1]) == have and _same_edition(response, part):
        return have
    forget(part)
    raise _TryAgain("the file on the server is another one now", answered=True)


def _described(response: httpx.Response) -> Arrival:
    span = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    length = response.headers.get("Content-Length", "")
    total = int(span[1]) if span else None
    if total is None and response.status_code == 200 and length.isdecimal():
        total = int(length)
    edition = _edition(response)
    return Arrival(0, total, edition if re.fullmatch("[0-9a-f]{64}", edition) else None)


def _edition(response: httpx.Response) -> str:
    """What names the content of the file: of the redirect if it says so, else of the answer."""
    answers = [*response.history, response]
    linked = [answer.headers.get("X-Linked-ETag", "") for answer in answers]
    named = next((tag for tag in linked if tag), response.headers.get("ETag", ""))
    return str(named).removeprefix("W/").strip('"')


def _same_edition(response: httpx.Response, part: Path) -> bool:
    try:
        before = _tag_file(part).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return before == _edition(response)


def forget(part: Path) -> None:
    """Removes a part file and what is noted of it."""
    part.unlink(missing_ok=True)
    _tag_file(part).unlink(missing_ok=True)


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".edition")


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _gave_up(address: str, trouble: Exception, here: int) -> DownloadFailed:
    kept = " What came so far is kept: try again to go on from there." if here else ""
    return DownloadFailed(f"{address}: could not be fetched: {_sentence(trouble)}{kept}")


def _sentence(trouble: Exception) -> str:
    text = str(trouble)
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _network_trouble(error: httpx.RequestError) -> str:
    import httpx

    host = error.request.url.host
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"the name {host} was not found; is there a network?"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f"{host} has no certificate that this computer trusts ({error})"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{host} refused the connection"
    if isinstance(error, httpx.TimeoutException):
        return f"{host} did not answer in time"
    return f"the connection to {host} broke ({error or type(error).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
