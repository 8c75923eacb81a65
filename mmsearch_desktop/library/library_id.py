"""The id that a library's collections on a server are named by. A copy of the library gets another.

It lies in the library's folder, with where that folder was. A folder that was moved or renamed is
the same one by its number on the disk, one restored from a backup by its place; one that is neither
where it was nor the same, or on another machine, is a copy, and two of one id would overwrite each
other's vectors. For a copy, or where the file is lost, an id is made anew: its collections are
then filled from the catalogue, and those of the old id are left to the library it was copied from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import secrets
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

_log = logging.getLogger("mmsearch.library")
_NAME = "library-id.json"
_MULTICAST = 1 << 40  # set where `uuid.getnode` made a number up


@dataclass(frozen=True, slots=True)
class _Mark:
    id: str
    machine: str
    path: str
    number: str  # of the folder on its disk


def own_id(folder: Path) -> str:
    """Twelve hexadecimal digits; made and kept where there are none of this folder. OSError."""
    kept, here = _kept(folder), _here(folder)
    if kept is None or not _is_same(kept, here):
        if kept is not None:
            _log.info("%s is a copy: on a server it gets collections of its own", folder)
        kept = here
    elif kept == _Mark(kept.id, here.machine, here.path, here.number):
        return kept.id
    mark = _Mark(kept.id, here.machine, here.path, here.number)
    temporary = folder / f"{_NAME}.new"
    temporary.write_text(json.dumps(asdict(mark), indent=2) + "\n", encoding="ascii")
    temporary.replace(folder / _NAME)
    return mark.id


def known_id(folder: Path) -> str | None:
    """The id if there is one that is this folder's own; nothing is written."""
    kept = _kept(folder)
    return kept.id if kept is not None and _is_same(kept, _here(folder)) else None


def _is_same(kept: _Mark, here: _Mark) -> bool:
    on_this = kept.machine == here.machine
    return on_this and (kept.path == here.path or kept.number == here.number)


def _kept(folder: Path) -> _Mark | None:
    try:
        mark = _Mark(**json.loads((folder / _NAME).read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None
    is_id = (
        isinstance(mark.id, str) and len(mark.id) == 12 and set(mark.id) <= set("0123456789abcdef")
    )
    return mark if is_id else None


def _here(folder: Path) -> _Mark:
    real = Path(os.path.realpath(folder))
    number = ""
    with contextlib.suppress(OSError):
        status = real.stat()
        number = f"{status.st_dev}:{status.st_ino}"
    return _Mark(secrets.token_hex(6), _machine(), _digest(os.fsencode(real)), number)


def _machine() -> str:
    for place in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError):
            return _digest(Path(place).read_bytes().strip())
    node = uuid.getnode()
    return _digest((platform.node() if node & _MULTICAST else str(node)).encode())


def _digest(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()[:16]
