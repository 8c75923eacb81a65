"""Notices that photos came, went or changed below folders, and tells it once all is quiet again.

Each folder has a thread of its own, so that a drive that does not answer holds up no other. What
the system says (listening.py) is only a hint that something happened; what it was is seen by
looking there again, without opening a file. So messages that are lost, that come in thousands,
or that are about anything but photos, do no harm. Folders on other computers' drives, and those
that the system will not listen to, are looked through every so often.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mmsearch_desktop.domain import FolderProblem
from mmsearch_desktop.library.listening import (
    HEARS_ONE_FOLDER,
    STEP_MS,
    Hints,
    Listen,
    deaf_in_words,
    listen_to_system,
)
from mmsearch_desktop.library.network_drives import drives_below, is_on_network

_log = logging.getLogger("mmsearch.watch")

_LIFE_SIGN_SECONDS = 2.0  # how often it is looked whether a folder is still the same one
_SHARE = 50  # looking through a folder regularly takes at most this part of the time
_SHARE_WHILE_RESTLESS = 10
_FEW = 50  # folders, or half of all, are looked at one by one; where more were touched, all are
_JOIN_SECONDS = 2.0

# device and number of a folder, and the drives below it
_Identity = tuple[int, int, frozenset[tuple[str, bytes]]]


class Attention(enum.StrEnum):
    """How well a folder is watched."""

    BEGINNING = "beginning"
    AT_ONCE = "at once"
    REGULARLY = "regularly"  # looked through every so often
    AWAY = "away"  # not there; watched again when it is back


@dataclass(frozen=True, slots=True)
class News:
    """What happened since the last one."""

    # which of the folders followed are to be brought up to date, each with the folders below it
    # (or itself) in which photos came, went or changed; None: in any
    changed: Mapping[Path, frozenset[Path] | None]
    attention: Mapping[Path, Attention]  # to all folders followed now
    notices: tuple[str, ...] = ()  # for the person


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a watch is, in seconds."""

    quiet: float = 2.0  # without a sign of change, before anything is told
    longest: float = 300.0  # where it never gets quiet, it is told all the same
    regularly: float = 5.0  # between two looks where the system does not listen, at least
    network: float = 30.0  # the same on drives of other computers
    longest_pause: float = 600.0
    away: float = 3.0  # between two looks for a folder that is not there


class FolderWatch:
    """Follows folders until it is closed. `follow` and `close` may be called from any thread."""

    def __init__(
        self,
        folders: Iterable[Path] = (),
        *,
        own: Path | None = None,
        pace: Pace = Pace(),
        is_remote: Callable[[Path], bool] = is_on_network,
        listen: Listen | None = None,
    ) -> None:
        """`own`: where this program writes; what happens there is no news."""
        self._ways = _Ways(_Voice(), pace, is_remote, listen or listen_to_system, _start_of(own))
        self._lock = threading.Lock()
        self._watchers: dict[Path, _Watcher] = {}
        self._left: list[_Watcher] = []  # no longer followed
        self._closed = False
        self.follow(folders)

    def follow(self, folders: Iterable[Path]) -> None:
        """Watch exactly these from now on. Each one new is told as changed when it is listened to.

        So whoever begins with what is told has missed nothing that happened meanwhile.
        """
        wanted = set(folders)
        with self._lock:
            if self._closed:
                return
            for path in self._watchers.keys() - wanted:
                left = self._watchers.pop(path)
                left.stopping.set()
                self._left.append(left)
            for path in sorted(wanted - self._watchers.keys()):
                self._watchers[path] = _Watcher(path, self._ways)
                self._watchers[path].start()
        self._ways.voice.say(_Word())

    def news(self) -> Iterator[News]:
        """Wait for what happens; ends when the watch is closed, with its threads.

        Closing the generator closes the watch.
        """
        try:
            yield from self._all_news()
        finally:
            self.close()
            self.join()

    def _all_news(self) -> Iterator[News]:
        while (words := self._ways.voice.heard()) is not None:
            with self._lock:
                attention = {path: one.attention for path, one in self._watchers.items()}
            changed: dict[Path, frozenset[Path] | None] = {}
            for word in words:
                if word.root in attention:
                    changed[word.root] = _both(changed.get(word.root, frozenset()), word.changed)
            yield News(changed, attention, tuple(word.notice for word in words if word.notice))

    def close(self) -> None:
        """Have it end soon; returns at once."""
        with self._lock:
            self._closed = True
            for watcher in self._watchers.values():
                watcher.stopping.set()
        self._ways.voice.say(None)

    def join(self) -> None:
        """Wait for its threads; one that waits for a drive that does not answer is let go."""
        until = time.monotonic() + _JOIN_SECONDS
        for watcher in [*self._left, *self._watchers.values()]:
            watcher.join(max(0.0, until - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.join()


@dataclass(frozen=True, slots=True)
class _Word:
    """What a watcher's thread says."""

    root: Path | None = None  # where something happened, with the folders below it
    changed: frozenset[Path] | None = None
    notice: str = ""


class _Voice:
    """From the watchers' threads to whoever reads the news."""

    def __init__(self) -> None:
        self._words: queue.SimpleQueue[_Word | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._has_noticed = False

    def say(self, word: _Word | None) -> None:
        self._words.put(word)

    def say_once(self, notice: str) -> None:
        """The first notice of all; what is true of one folder is true of most."""
        with self._lock:
            is_first, self._has_noticed = not self._has_noticed, True
        if is_first:
            self.say(_Word(notice=notice))

    def heard(self) -> list[_Word] | None:
        """All that was said since; waits for something. None: nothing more comes."""
        words: list[_Word] = []
        while not words or not self._words.empty():
            try:
                word = self._words.get(timeout=0.5)  # or Ctrl+C would have to wait on Windows
            except queue.Empty:
                continue
            if word is None:
                return None
            words.append(word)
        return words


@dataclass(frozen=True, slots=True)
class _Ways:
    """What all watchers of one watch share."""

    voice: _Voice
    pace: Pace
    is_remote: Callable[[Path], bool]
    listen: Listen
    own: tuple[str, ...]  # how paths below this program's own folder begin


class _Ended(Exception):
    """The folder is no longer followed."""


class _Watcher(threading.Thread):
    """Watches one folder with all below it."""

    def __init__(self, root: Path, ways: _Ways) -> None:
        super().__init__(name=f"watches-{root.name}", daemon=True)
        self.stopping = threading.Event()
        self.attention = Attention.BEGINNING
        self._root, self._ways, self._pace = root, ways, ways.pace
        self._is_deaf = False
        self._states: dict[Path, int] = {}  # as last seen
        self._told: dict[Path, int] | None = None  # as last told
        self._look_took = 0.0  # at all of it
        self._heard_at = self._alive_at = 0.0
        self._restless_since: float | None = None  # something may have happened that is not told
        self._changed_over_at = self._change_over_took = 0.0  # to listening to more folders
        self._touched: set[str] = set()  # since it was last looked at
        self._replaced: set[Path] = set()  # those in the place of which others may have come

    def run(self) -> None:
        with contextlib.suppress(_Ended):
            while True:
                try:
                    self._attend()
                except (FolderProblem, OSError) as error:
                    _log.info("%s is not watched now: %s", self._root, error)
                    self._states = {}
                    self._give(Attention.AWAY)
                    self._wait(self._pace.away)

    def _attend(self) -> None:
        """Returns where it has to begin anew. FolderProblem, OSError: the folder is not there."""
        if not self._states:
            self._look()
        is_remote = self._ways.is_remote(self._root)
        if is_remote or self._is_deaf:
            self._look_regularly(self._pace.network if is_remote else self._pace.regularly)
        else:
            self._listen()

    # -- where the system tells of changes -------------------------------------------------

    def _listen(self) -> None:
        identity, folders = _identity(self._root), self._to_be_listened_to()
        hints = self._ways.listen(folders, self.stopping)
        try:
            if not self._has_begun(hints):
                return
            self._look()  # for what came before it was listened to
            if self._to_be_listened_to() != folders:
                return
            self._give(Attention.AT_ONCE)
            if self._told is None:
                self._tell()
            elif self._states != self._told:
                self._stir()
            while self._follow(hints, folders, identity):
                before, known, folders = hints, folders, self._to_be_listened_to()
                hints = self._ways.listen(folders, self.stopping)
                self._change_over(before, hints, set(folders).difference(known))
        except RuntimeError as error:  # such as names that are no text, and the system's limits
            _log.info("listening to %s begins anew: %s", self._root, error)
            self._stir()
        finally:
            hints.close()

    def _change_over(
        self, before: Generator[Hints, None, None], hints: Iterator[Hints], new: Collection[Path]
    ) -> None:
        """Nothing is missed: it is listened to the old ones until it is to all.

        RuntimeError where it has to begin anew.
        """
        began = time.monotonic()
        with contextlib.closing(before):
            try:
                next(hints, None)
                self._note(next(before, {}))
                self._states = self._states | self._seen_in(new)
            except (OSError, FolderProblem, UnicodeEncodeError) as error:
                raise RuntimeError(str(error)) from error
        self._changed_over_at = time.monotonic()
        self._change_over_took = self._changed_over_at - began

    def _has_begun(self, hints: Iterator[Hints]) -> bool:
        """False: it is not possible, or not this time."""
        try:
            next(hints)
        except StopIteration:
            raise _Ended from None
        except FileNotFoundError:  # one of the folders has just gone
            self._states = {}
            self._wait(STEP_MS / 1000)
        except (OSError, RuntimeError, UnicodeEncodeError) as error:
            _log.info("the system does not listen to %s: %s", self._root, error)
            self._is_deaf = True
            self._ways.voice.say_once(deaf_in_words(self._root, error))
        else:
            return True
        return False

    def _follow(self, hints: Iterator[Hints], folders: Sequence[Path], identity: _Identity) -> bool:
        """Until the folders to be listened to are others (True), or it has to begin anew."""
        for touched in hints:
            self._note(touched)
            if self._restless_since is None:
                if not self._is_still(identity):
                    return False
            elif self._is_time() or self._has_new_folder(touched):
                replaced, self._replaced = self._replaced, set()
                self._look_where_touched()
                if not replaced.isdisjoint(self._states):
                    return False
                if self._to_be_listened_to() != folders:
                    return True
                if self._is_time():
                    self._tell()
        raise _Ended

    def _note(self, hints: Hints) -> None:
        touched = [path for path in hints if not self._is_own(path)]
        if touched:
            self._touched.update(touched)
            if HEARS_ONE_FOLDER:
                came_or_went = {Path(path) for path in touched if hints[path]}
                self._replaced |= came_or_went & self._states.keys()
            self._stir()

    def _stir(self) -> None:
        self._heard_at = time.monotonic()
        if self._restless_since is None:
            self._restless_since = self._heard_at

    def _is_still(self, identity: _Identity) -> bool:
        """Whether it is the same folder as before: another drive may have taken its place."""
        now = time.monotonic()
        if now - self._alive_at < _LIFE_SIGN_SECONDS:
            return True
        self._alive_at = now
        return _identity(self._root) == identity

    def _is_time(self) -> bool:
        now, since = time.monotonic(), self._restless_since
        is_quiet = now - self._heard_at >= self._pace.quiet
        return is_quiet or (since is not None and now - since >= self._pace.longest)

    def _has_new_folder(self, paths: Collection[str]) -> bool:
        """It is listened to soon, so that the end of a long copy into it is noticed."""
        waited = time.monotonic() - self._changed_over_at
        return waited >= _SHARE_WHILE_RESTLESS * self._change_over_took and any(
            Path(path) not in self._states and Path(path).is_dir() for path in paths
        )

    def _to_be_listened_to(self) -> Sequence[Path]:
        if HEARS_ONE_FOLDER:
            return sorted(self._states)
        links = sorted(path for path in self._states if path.is_symlink())
        return [self._root, *(path for path in links if path != self._root)]

    def _look_where_touched(self) -> None:
        """At the folders touched, and those new in them; at all where that is not all there is."""
        touched, self._touched = {Path(path) for path in self._touched}, set()
        folders = {path.parent for path in touched} | (touched & self._states.keys())
        if len(folders) > max(_FEW, len(self._states) // 2) or not folders <= self._states.keys():
            self._look()
            return
        self._leave_out({path for path in folders if not path.is_dir()})
        try:
            self._states = self._states | self._seen_in(folders & self._states.keys())
        except (OSError, FolderProblem):  # some have gone
            self._look()

    def _leave_out(self, gone: set[Path]) -> None:
        """These folders and those below. Not where links may lead to what lay in them as well."""
        if gone and not any(path.is_symlink() for path in self._states):
            self._states = {
                path: state
                for path, state in self._states.items()
                if path not in gone and gone.isdisjoint(path.parents)
            }

    def _seen_in(self, folders: Collection[Path]) -> dict[Path, int]:
        from mmsearch_desktop.library.scan import folder_state, folder_states

        states: dict[Path, int] = {}
        for folder in folders:
            states[folder], inner = folder_state(folder)
            for new in inner:
                if new.is_symlink() and new not in self._states:
                    raise FolderProblem(f"{new} may lead to what is looked at anyway")
                if new not in self._states and not self._is_own(new):
                    states |= folder_states(new)
        return states

    # -- where it does not -----------------------------------------------------------------

    def _look_regularly(self, pause: float) -> None:
        self._give(Attention.REGULARLY)
        while True:
            if self._told is None:
                self._tell()
            elif self._states != self._told:
                self._wait_until_quiet()
                self._tell()
            self._wait(min(max(pause, _SHARE * self._look_took), self._pace.longest_pause))
            self._look()

    def _wait_until_quiet(self) -> None:
        until = time.monotonic() + self._pace.longest
        before: dict[Path, int] = {}
        while before != self._states and time.monotonic() < until:
            before = self._states
            self._wait(self._pace.quiet)
            self._look()

    # -- both ------------------------------------------------------------------------------

    def _look(self) -> None:
        from mmsearch_desktop.library.scan import folder_states  # a window can show before that

        self._touched.clear()
        self._replaced.clear()
        began = time.monotonic()
        states = folder_states(self._root)
        self._states = {path: state for path, state in states.items() if not self._is_own(path)}
        self._look_took = time.monotonic() - began

    def _is_own(self, path: str | Path) -> bool:
        return f"{path}{os.sep}".startswith(self._ways.own)

    def _tell(self) -> None:
        before, now = self._told, self._states
        self._told, self._restless_since = dict(now), None
        if before is None:
            self._ways.voice.say(_Word(self._root))
        elif before != now:
            folders = before.keys() | now.keys()
            changed = {one for one in folders if before.get(one) != now.get(one)}
            self._ways.voice.say(_Word(self._root, frozenset(changed)))

    def _give(self, attention: Attention) -> None:
        if attention is not self.attention:
            self.attention = attention
            self._ways.voice.say(_Word())

    def _wait(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise _Ended


def _both(one: frozenset[Path] | None, other: frozenset[Path] | None) -> frozenset[Path] | None:
    return None if one is None or other is None else one | other


def _identity(folder: Path) -> _Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino, drives_below(folder)


def _start_of(own: Path | None) -> tuple[str, ...]:
    """How paths below this program's own folder begin, by either of its names."""
    return () if own is None else (f"{own}{os.sep}", f"{os.path.realpath(own)}{os.sep}")
