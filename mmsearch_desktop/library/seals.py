"""Remembers which vector indexes were found equal to the catalogue when the library was closed.

A seal is what the files of an index and of the catalogue looked like then: sizes and times. While
both look the same, nothing has written to either, and a quick check is enough when it is opened.
A missing or another one costs a look at every vector, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_log = logging.getLogger("mmsearch.library")
_LONGEST_SECONDS = 7 * 24 * 3600  # bytes on disks go bad without anyone writing them


class Seals:
    """The seals of one library. `Seals(…)` looks at the catalogue: before it is opened."""

    def __init__(self, catalogue: Path) -> None:
        self._catalogue = catalogue
        self._found = _look_of(catalogue)

    def taken_from(self, index: Path) -> float | None:
        """When `index`, which is about to be opened, was last looked through; None: look again.

        The seal is broken by this: whatever happens from now on, only `set_` makes a new one.
        """
        seal = _seal_of(index)
        try:
            sealed = json.loads(seal.read_text(encoding="ascii"))
            seal.unlink()
            looked_through = float(sealed["looked_through"])
            looks = [sealed["catalogue"], sealed["index"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        recent = 0 <= time.time() - looked_through < _LONGEST_SECONDS
        return looked_through if recent and looks == [self._found, _look_of(index)] else None

    def set_(self, indexes: Iterable[tuple[Path, float]]) -> None:
        """All files are closed; each index was last looked through at this time."""
        catalogue = _look_of(self._catalogue)
        for index, looked_through in indexes:
            seal = {
                "catalogue": catalogue,
                "index": _look_of(index),
                "looked_through": looked_through,
            }
            try:
                _seal_of(index).write_text(json.dumps(seal), encoding="ascii")
            except OSError as error:
                _log.info("%s: not sealed (%s); the next start looks at all of it", index, error)


def _seal_of(index: Path) -> Path:
    return index.with_name(f"{index.name}.seal")


def _look_of(path: Path) -> str:
    """A digest of names, sizes and times: of a file and its write-ahead log, or of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path, path.with_name(f"{path.name}-wal")]
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            status = file.stat()
            digest.update(
                f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode(errors="replace")
            )
    return digest.hexdigest()
