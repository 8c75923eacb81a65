"""Sentences of the window that depend on what happened."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import (
    IndexSummary,
    LibraryBusy,
    LibraryDamaged,
    MmsearchError,
    NoSpace,
    Progress,
)
from mmsearch_desktop.search.samples import folder_name
from mmsearch_desktop.ui.results_model import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODEL_NEEDED = (
    "To search photos, a model has to be on this computer. Choose how its files come here; "
    "folders you have dropped wait and go on by themselves."
)
FORMATS = "Photos are JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF and HEIC files."


def shown(text: str) -> str:
    """Text that may hold a file's name, fit for a label: Qt cuts it at bytes that are no UTF-8."""
    return "\n".join(one_line(line) for line in text.split("\n"))


def as_tip(text: str) -> str:
    """For a tooltip, which would take marks in a file's name for its own."""
    return f"<qt>{html.escape(shown(text)).replace(chr(10), '<br>')}</qt>"


def name_of(folder: Path) -> str:
    """What a folder is called where there is no room for its path."""
    return shown(folder_name(folder))


def in_words(error: Exception) -> str:
    """What to tell a person of an error, expected or not."""
    if isinstance(error, MmsearchError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}. Check that it exists and may be written."
    return (
        f"Something unexpected went wrong ({type(error).__name__}: {error}). Your photos are "
        "untouched; if it happens again, start the program anew."
    )


def trouble_title(error: Exception) -> str:
    titles = {
        LibraryBusy: "The library is in use",
        LibraryDamaged: "The library is damaged",
        NoSpace: "The disk is full",
    }
    kinds = (title for kind, title in titles.items() if isinstance(error, kind))
    return next(kinds, "The library cannot be opened")


def disk_full(missing_bytes: int) -> str:
    """Why indexing stands still. 0: the disk may take something again soon."""
    if missing_bytes == 0:
        return "the disk is full. Indexing goes on by itself when it takes something again"
    megabytes = math.ceil(missing_bytes / 1e6)
    return f"the disk is full. Free {megabytes:,} MB, and indexing goes on by itself"


def photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count:,} photos"


def cancelled(folders: Sequence[Path]) -> str:
    what = f"Indexing {name_of(folders[0])}"
    if len(folders) > 1:
        what += f" and {len(folders) - 1:,} more"
    return (
        f"{what} was cancelled. What is indexed so far can be searched; the rest follows at the "
        "next start, unless the folder is removed from the library."
    )


def summary(folder: Path, done: IndexSummary) -> str:
    """How it ended, for the status line."""
    counts = (
        (done.indexed, "indexed"),
        (done.moved, "moved"),
        (done.removed, "gone"),
        (len(done.unreadable), "not readable"),
    )
    told = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return f"{name_of(folder)}: {told or 'nothing has changed'}"


def rebuilding(progress: Progress) -> str:
    of = f" {progress.done:,} of {progress.total:,}" if progress.total else ""
    return f"Bringing the search index up to date{of}…"
