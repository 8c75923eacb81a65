"""After any changes to a folder, and any cancelled runs, the library equals the folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.fakes import COLOURS, flat_picture
from tests.library.pictures import encoded
from tests.library.setting import Setting, counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmsearch_desktop.domain import IndexSummary

PICTURES = tuple(encoded(flat_picture(colour, (4, 4)), "PNG") for colour in COLOURS[:6])
BROKEN = (b"broken", b"also broken")
NAMES = tuple(f"{folder}{name}.png" for folder in ("", "x/", "x/y/", "z/") for name in "ab")

names = st.sampled_from(NAMES)
contents = st.sampled_from(PICTURES + BROKEN)


@dataclass(frozen=True)
class OnDisk:
    data: bytes
    modified_ns: int

    @property
    def is_broken(self) -> bool:
        return self.data in BROKEN


class ChangingFolder(RuleBasedStateMachine):
    """Writes, copies, moves and deletes files; now and then a run, to the end or cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mmsearch-test-"))
        self.here = Setting(self.folder)
        self.clock_ns = 10**18
        self.files: dict[str, OnDisk] = {}
        self.known: dict[str, OnDisk] = {}  # as of the last complete run
        self.seen: set[bytes] = set()  # contents that a run may have come across
        self.cancelled = False  # since the last complete run

    def teardown(self) -> None:
        self.here.library.close()
        shutil.rmtree(self.folder)

    # -- what a person does ----------------------------------------------------------------

    @rule(name=names, data=contents)
    def write(self, name: str, data: bytes) -> None:
        self.clock_ns += 10**9
        path = self.here.photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(self.clock_ns, self.clock_ns))
        self.files[name] = OnDisk(data, self.clock_ns)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), target_name=names, do=st.sampled_from([shutil.copy2, shutil.move]))
    def carry(
        self, data: st.DataObject, target_name: str, do: Callable[[Path, Path], object]
    ) -> None:
        source = data.draw(st.sampled_from(sorted(self.files)))
        if source == target_name:
            return
        target = self.here.photos / target_name
        target.parent.mkdir(parents=True, exist_ok=True)
        do(self.here.photos / source, target)
        self.files[target_name] = self.files[source]
        if do is shutil.move:
            del self.files[source]

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.files)))
        (self.here.photos / name).unlink()
        del self.files[name]

    # -- what the program does -------------------------------------------------------------

    @rule(steps=st.integers(1, 4))
    def cancelled_run(self, steps: int) -> None:
        run = self.here.start()
        list(islice(run, steps))
        run.close()
        self.cancelled = True
        self.seen |= {file.data for file in self.files.values()}
        self.here.check()

    @precondition(lambda self: (self.here.photos / "x").is_dir())
    @rule()
    def run_below(self) -> None:
        self.here.add(self.here.photos / "x")
        self.cancelled = True
        self.seen |= {f.data for name, f in self.files.items() if name.startswith("x/")}

    @rule()
    def complete_run(self) -> None:
        embedded_before = self.here.embedder.pictures_embedded
        new = {f.data for f in self.files.values() if not f.is_broken} - self.seen
        summary = self.here.add()
        self.seen |= {file.data for file in self.files.values()}
        self.check_files(summary)
        assert self.here.embedder.pictures_embedded <= len(self.seen)
        if not self.cancelled:
            assert self.here.embedder.pictures_embedded - embedded_before == len(new)
            assert counts(summary) == self.expected_counts()
        self.known, self.cancelled = dict(self.files), False
        again = self.here.add()
        assert counts(again) == (summary.photos, 0, summary.photos, 0, 0)
        assert again.unreadable == summary.unreadable

    # -- what must be true then ------------------------------------------------------------

    def check_files(self, summary: IndexSummary) -> None:
        photos = self.here.library.catalogue.photos()
        base = self.here.photos
        found = {str(p.path.relative_to(base)): (p.sha256, p.modified_ns) for p in photos}
        broken = {name for name, file in self.files.items() if file.is_broken}
        assert found.keys() == self.files.keys() - broken
        assert all(found[name][1] == self.files[name].modified_ns for name in found)
        same = {(found[name][0], self.files[name].data) for name in found}
        assert len(same) == len({sha256 for sha256, _ in same})  # a hash for each content
        assert {str(p.path.relative_to(base)) for p in summary.unreadable} == broken
        assert list(summary.unreadable) == self.here.library.catalogue.problems()
        folders = {folder.path for folder in self.here.library.catalogue.folders()}
        # a folder added by itself stays on the list while it is empty
        inner = set() if any(name.startswith("x/") for name in self.files) else {base / "x"}
        assert {base} <= folders <= {base} | inner

    def expected_counts(self) -> tuple[int, int, int, int, int]:
        before = {name: file for name, file in self.known.items() if not file.is_broken}
        now = {name: file for name, file in self.files.items() if not file.is_broken}
        unchanged = sum(before.get(name) == file for name, file in now.items())
        gone = Counter(file.data for name, file in before.items() if name not in self.files)
        new = Counter(file.data for name, file in now.items() if name not in before)
        moved = (gone & new).total()
        indexed = len(now) - unchanged - moved
        return len(now), indexed, unchanged, moved, gone.total() - moved


TestChangingFolder = ChangingFolder.TestCase
TestChangingFolder.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
