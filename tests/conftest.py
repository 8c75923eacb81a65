"""What holds for every test: no screen, no network, own data folder, no thread left behind."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Machines are shared and noisy: no deadlines. The automatic fixtures below hold for a whole test.
hypothesis.settings.register_profile(
    "ours",
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture,
        hypothesis.HealthCheck.too_slow,
    ],
)
hypothesis.settings.load_profile("ours")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

_LOCAL = {"127.0.0.1", "::1", "localhost"}
_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex
_real_getaddrinfo = socket.getaddrinfo


class OutsideConnection(AssertionError):
    """A test tried to reach another machine."""


def _refuse_outside(sock: socket.socket, address: Any) -> None:
    outside = sock.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOCAL
    if outside:
        raise OutsideConnection(f"a test tried to connect to {address}")


def _guarded_connect(sock: socket.socket, address: Any) -> None:
    _refuse_outside(sock, address)
    _real_connect(sock, address)


def _guarded_connect_ex(sock: socket.socket, address: Any) -> int:
    _refuse_outside(sock, address)
    return _real_connect_ex(sock, address)


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host not in _LOCAL | {None, "", "0.0.0.0"}:  # noqa: S104 - compared with, not bound to
        raise OutsideConnection(f"a test tried to look up {host}")
    return _real_getaddrinfo(host, *args, **kwargs)


socket.getaddrinfo = _guarded_getaddrinfo
socket.socket.connect = _guarded_connect  # type: ignore[method-assign, assignment]
socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign, assignment]


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("MMSEARCH_DESKTOP_DATA", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while (left := _ours(before)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"threads left running: {[thread.name for thread in left]}"


def _ours(before: set[threading.Thread]) -> list[threading.Thread]:
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.is_alive() and not thread.daemon
    ]


@pytest.fixture
def plain_folder() -> Iterator[Path]:
    """An empty folder in which permissions hold for this test, even where root runs the tests."""
    nobody = 65534
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        if is_root:
            os.chown(name, nobody, nobody)
            os.setegid(nobody)
            os.seteuid(nobody)
        try:
            yield Path(os.path.realpath(name))
        finally:
            if is_root:
                os.seteuid(0)
                os.setegid(0)


_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of check data beside the project; not part of it."""
    if not _SHARED.is_dir():
        pytest.skip(f"no check data at {_SHARED.name}/ beside the project")
    return _SHARED
