"""The files of one vector index on the disk: a file, or a folder, and what lies beside it.

Only for an index whose engine has ended: opening these files would end it (its lock is POSIX's).
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import LibraryProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BESIDE = ("{}", "{}-journal", "{}-wal", "{}-shm", "{}.seal", ".{}.lock")


def files_bytes(file: Path) -> int:
    """How much they take; nothing is opened, so that the engine may be running."""
    total = 0
    for path in _files(file):
        for part in path.rglob("*") if path.is_dir() else (path,):
            with contextlib.suppress(OSError):  # gone meanwhile
                total += part.lstat().st_size if not part.is_dir() else 0
    return total


def delete_files(file: Path) -> None:
    """LibraryProblem where they cannot be; they can be made again from the catalogue."""
    try:
        for path in _files(file):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise LibraryProblem(
            f"{error.filename or file} cannot be deleted ({error.strerror}). Give yourself the"
            " right to write there; its vectors are no longer used."
        ) from error


def _files(file: Path) -> Iterator[Path]:
    return (file.with_name(name.format(file.name)) for name in _BESIDE)
