"""The report of an error: what it says, with names and without, and that it stays short."""

from __future__ import annotations

from pathlib import Path

from mmsearch_desktop import __version__
from mmsearch_desktop.domain import UnreadablePhoto
from mmsearch_desktop.ui.crash_log import LoggedLine
from mmsearch_desktop.ui.crash_report import Fault, about_program, fault_of, report_text

_PHOTO = Path("/home/anna/My photos/Tom & Eve.jpg")


def _fault(error: Exception) -> Fault:
    try:
        raise error
    except type(error) as caught:
        return fault_of(caught, "in the window", [_PHOTO.parent])


def _report(fault: Fault, *, names: bool, times: int = 1, others: int = 0) -> str:
    log = [LoggedLine(full=f"{_PHOTO} was read", private="<photo 1> was read")]
    return report_text(fault, times, others, ("program 1", ""), log, names=names)


def test_it_has_no_names_unless_they_are_wanted() -> None:
    fault = _fault(UnreadablePhoto(_PHOTO, "it is cut off"))
    private, full = _report(fault, names=False), _report(fault, names=True)
    assert "it is cut off" in private
    assert "<photo 1> was read" in private
    for name in ("anna", "My photos", "Tom", "Eve"):
        assert name not in private
        assert name in full


def test_it_says_what_and_how_often() -> None:
    fault = _fault(ZeroDivisionError("no"))
    assert _report(fault, names=False).startswith(f"ZeroDivisionError in the window, {fault.at:%Y}")
    first = _report(fault, names=False, times=3, others=2).splitlines()[0]
    assert first.endswith("UTC, 3 times, errors since: 2")


def test_the_same_error_at_the_same_place_is_the_same() -> None:
    faults = [_fault(ValueError(text)) for text in "ab"]
    assert faults[0].place == faults[1].place != _fault(TypeError("a")).place


def test_it_knows_program_system_and_packages() -> None:
    about = about_program(("pytest", "no-such-package"))
    assert about[0].startswith(f"mmsearch-desktop {__version__}, Python 3.")
    assert about[2].startswith("pytest ")
    assert "no-such-package" not in about[2]


def test_a_long_message_is_cut_in_the_middle() -> None:
    text = _report(_fault(ValueError("start " + "x" * 100_000 + " end")), names=True)
    assert len(text) < 25_000
    assert "Traceback" in text
    assert "[…]" in text
    assert " end\n" in text
