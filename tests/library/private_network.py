"""Runs a command where nothing but this machine's own programs can be reached, nor reach it.

    python -m tests.library.private_network COMMAND …

Linux, and root. For servers that listen on every interface, whatever they are told, and for what
is to speak to them: a network namespace with a loopback interface and nothing else.
https://man7.org/linux/man-pages/man7/network_namespaces.7.html
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_SET_FLAGS = 0x8914  # SIOCSIFFLAGS
_UP_AND_RUNNING = 0x1 | 0x40  # IFF_UP, IFF_RUNNING


def enter() -> None:
    """Move this process there. OSError where the system does not let it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    _raise_loopback()


def is_inside() -> bool:
    return sys.platform == "linux" and [name for _, name in socket.if_nameindex()] == ["lo"]


def _raise_loopback() -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP_AND_RUNNING))


if __name__ == "__main__":
    try:
        enter()
    except (OSError, AttributeError) as error:
        sys.exit(f"no private network can be made here: {error}")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - a command of the tests
