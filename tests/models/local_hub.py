"""A model hub on this computer, as well- or ill-behaved as a test asks, and a small model on it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mmsearch_desktop.models.hub import Patience
from mmsearch_desktop.models.offers import Offer, OfferFile

QUICK = Patience(answer_seconds=5, tries=3, first_wait_seconds=0.001)
WEIGHTS = bytes(range(256)) * 4096  # 1 MiB
CONTENTS = {
    "weights.pth": WEIGHTS,
    "text_model/config.json": b'{"model_type": "small"}',
    "text_model/tokenizer.json": b'{"words": []}',
}
ARCHITECTURE = "small_architecture"
Behaviour = Callable[["_Handler", bytes], None]


def small_offer(contents: dict[str, bytes] | None = None, **weights: Any) -> Offer:
    """An offer of what `LocalHub` serves. `weights`: changes to its first file."""
    files = [_file(local, data) for local, data in (contents or CONTENTS).items()]
    files[0] = dataclasses.replace(files[0], **weights)
    return Offer(
        name="small",
        title="Small model",
        architecture=ARCHITECTURE,
        files=tuple(files),
        licence="MIT",
        licence_note="",
        dimensions=13,
        languages="none",
        good_at="tests",
        bad_at="all else",
    )


def _file(local: str, data: bytes) -> OfferFile:
    name = local.rpartition("/")[2]
    repo = "some/text-model" if local.startswith("text_model/") else "some/model"
    return OfferFile(repo, "main", name, local, len(data), hashlib.sha256(data).hexdigest())


class LocalHub:
    """Serves files with ranges and ETags; `behave` decides what the next answers are like."""

    def __init__(self, offer: Offer, contents: dict[str, bytes] | None = None) -> None:
        self.files = {
            f"/{file.repo}/resolve/{file.revision}/{file.path}": (contents or CONTENTS)[file.local]
            for file in offer.files
        }
        self.behave: deque[Behaviour | None] = deque()
        self.requests: list[tuple[str, str | None]] = []  # address and Range, in order
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def asked_for(self, name: str) -> list[str | None]:
        """The Range headers of the requests for a file, in order; None where there was none."""
        return [span for path, span in self.requests if path.endswith(f"/{name}")]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: LocalHub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        hub = self.server.hub
        hub.requests.append((self.path, self.headers.get("Range")))
        behaviour = hub.behave.popleft() if hub.behave else None
        data = hub.files.get(self.path.removeprefix("/store"))
        if data is None:
            self.answer(404, b"no such file")
        else:
            (behaviour or serve)(self, data)

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.start(status, {"Content-Length": str(len(body))} | (headers or {}))
        self.wfile.write(body)

    def start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Says nothing."""


def edition(data: bytes) -> str:
    return f'"{hashlib.sha1(data).hexdigest()}"'  # noqa: S324 - names, protects nothing


def serve(handler: _Handler, data: bytes) -> None:
    """As a good server does, ranges included."""
    start = _range_start(handler)
    if start is not None and start >= len(data):
        handler.answer(416, headers={"Content-Range": f"bytes */{len(data)}"} | _tag(data))
    elif start is not None:
        span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        handler.answer(206, data[start:], span | _tag(data))
    else:
        handler.answer(200, data, _tag(data))


def _range_start(handler: _Handler) -> int | None:
    span = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    return int(span[1]) if span else None


def _tag(data: bytes) -> dict[str, str]:
    return {"ETag": edition(data)}


def ignore_range(handler: _Handler, data: bytes) -> None:
    handler.answer(200, data, _tag(data))


def cut_after(count: int) -> Behaviour:
    """Promises the rest of the file, sends so many bytes of it, and hangs up."""

    def cut(handler: _Handler, data: bytes) -> None:
        start = _range_start(handler) or 0
        headers = {"Content-Length": str(len(data) - start)} | _tag(data)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.start(206 if start else 200, headers)
        handler.wfile.write(data[start : start + count])
        handler.close_connection = True

    return cut


def trickle(stop: threading.Event) -> Behaviour:
    """Sends a little at a time until told to stop, so that a test can cancel in the middle."""

    def send(handler: _Handler, data: bytes) -> None:
        handler.start(200, {"Content-Length": str(len(data))} | _tag(data))
        for at in range(len(data) - 1):
            handler.wfile.write(data[at : at + 1])
            if stop.wait(0.002):
                break
        handler.close_connection = True

    return send


def status(code: int, **headers: str) -> Behaviour:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _data: handler.answer(code, b"trouble", named)


def redirect(handler: _Handler, data: bytes) -> None:
    """To another address, naming the content as the real hub does."""
    sha256 = hashlib.sha256(data).hexdigest()
    handler.answer(
        302,
        headers={"Location": f"/store{handler.path}", "X-Linked-ETag": f'"{sha256}"'},
    )


def web_page(handler: _Handler, _data: bytes) -> None:
    handler.answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html; charset=utf-8"})


@contextlib.contextmanager
def local_hub(offer: Offer, contents: dict[str, bytes] | None = None) -> Iterator[LocalHub]:
    hub = LocalHub(offer, contents)
    try:
        yield hub
    finally:
        hub.close()


def lay_out(folder: Path, contents: dict[str, bytes] | None = None) -> Path:
    """Writes the small model's files as they lie when installed."""
    for local, data in (contents or CONTENTS).items():
        path = folder / local
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
