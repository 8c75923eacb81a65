"""What is told of an error that nobody caught, in words a person can read before passing it on."""

from __future__ import annotations

import platform
import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

from mmsearch_desktop import __version__
from mmsearch_desktop.ui.private_text import error_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import PurePath

    from mmsearch_desktop.ui.crash_log import LoggedLine

_MOST_CHARACTERS = 20_000  # of one traceback or of the log; a report has to fit into a mail


@dataclass(frozen=True, slots=True)
class Fault:
    """One error that nobody caught, as text: the error itself would keep all it touched alive."""

    kind: str  # such as "ValueError"
    where: str  # such as "in the window"
    trace: str  # with names
    private_trace: str
    place: str  # equal for the same error at the same place
    at: datetime  # UTC


def fault_of(error: BaseException, where: str, known: Iterable[str | PurePath] = ()) -> Fault:
    """`known`: folders whose names are to be replaced in the private trace."""
    frames = traceback.extract_tb(error.__traceback__)
    last = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(error)
    return Fault(
        kind=type(error).__name__,
        where=where,
        trace=_middle_left_out(error_text(error, None)),
        private_trace=_middle_left_out(error_text(error, tuple(known))),
        place=f"{type(error).__name__} {last}",
        at=datetime.now(UTC),
    )


def about_program(packages: Iterable[str]) -> tuple[str, ...]:
    """Versions of the program, of these packages, and of what they run on."""
    packaged = ", packaged" if getattr(sys, "frozen", False) else ""
    versions = (f"{name} {version}" for name in packages if (version := _version_of(name)))
    return (
        f"mmsearch-desktop {__version__}, Python {platform.python_version()}{packaged}",
        platform.platform(),
        ", ".join(versions),
    )


def report_text(
    fault: Fault,
    times: int,
    others: int,
    about: Sequence[str],
    log: Sequence[LoggedLine],
    *,
    names: bool,
) -> str:
    """The whole report. `others`: further errors since; `names`: leave names of files in."""
    happened = f"{fault.kind} {fault.where}, {fault.at:%Y-%m-%d %H:%M:%S} UTC"
    counts = [f"{times} times" if times > 1 else "", f"errors since: {others}" if others else ""]
    lines = [line.full if names else line.private for line in log]
    parts = (
        ", ".join([happened, *filter(None, counts)]),
        "\n".join(filter(None, about)),
        fault.trace if names else fault.private_trace,
        _middle_left_out("\n".join(["Last lines of the log:", *lines])) if lines else "",
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _middle_left_out(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    half = _MOST_CHARACTERS // 2
    return f"{text[:half]}\n[…]\n{text[-half:]}"
