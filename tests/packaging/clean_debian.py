"""A Debian of its own with nothing in it, to install a package into and to look at what it leaves.

Made by debootstrap and entered by chroot in namespaces of its own: whatever is mounted there is
gone with the process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PERSON = "anna"
_NEEDED = ("debootstrap", "unshare", "chroot", "apt-get")
# mounted for each command; the person's screen is that of the test
_ENTER = """
set -e
mount -t proc proc "$0/proc"
mount -t tmpfs -o mode=1777 shm "$0/dev/shm"
mkdir -p "$0/tmp/.X11-unix"
mount --bind /tmp/.X11-unix "$0/tmp/.X11-unix"
exec chroot "$@"
"""
# written by the package manager about its own work, and by the kernel
_BOOKKEEPING = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "proc", "sys", "dev")


def missing() -> list[str]:
    """What this machine lacks to make one; empty: nothing."""
    found = [name for name in _NEEDED if shutil.which(name) is None]
    return found if os.geteuid() == 0 else [*found, "the rights of root"]


@dataclass(frozen=True)
class CleanDebian:
    """The system below `folder`."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, suite: str = "bookworm") -> CleanDebian:
        subprocess.run(
            ["debootstrap", "--variant=minbase", suite, str(folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        made = cls(folder)
        made.run("useradd", "--create-home", PERSON)
        return made

    @property
    def home(self) -> Path:
        return self.folder / "home" / PERSON

    def command(self, *words: str, person: bool = False, network: bool = True) -> list[str]:
        """What to call on this machine for `words` to run in there."""
        enter = ["unshare", "--mount", *([] if network else ["--net"])]
        who = [f"--userspec={PERSON}:{PERSON}"] if person else []
        return [*enter, "sh", "-c", _ENTER, str(self.folder), *who, str(self.folder), *words]

    def run(
        self, *words: str, person: bool = False, network: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """To its end, in a bare environment; output and errors together in `stdout`."""
        return subprocess.run(
            self.command(*words, person=person, network=network),
            env=self.environment(person=person, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def environment(self, *, person: bool = True, **variables: str) -> dict[str, str]:
        home = f"/home/{PERSON}" if person else "/root"
        paths = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        plain = {
            "HOME": home,
            "PATH": paths,
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return plain | variables

    def install(self, package: Path) -> None:
        """With what it depends on, and nothing that is only recommended."""
        place = self.folder / "root" / package.name
        shutil.copy(package, place)
        inside = f"/{place.relative_to(self.folder)}"
        for words in (["update"], ["install", "--no-install-recommends", inside]):
            self._apt(words)
        place.unlink()

    def remove(self, name: str) -> None:
        """And everything that came along for it."""
        self._apt(["purge", name])
        self._apt(["autoremove", "--purge"])

    def _apt(self, words: Sequence[str]) -> None:
        done = self.run("apt-get", "-y", "-qq", *words)
        assert done.returncode == 0, done.stdout[-3000:]

    def files(self) -> set[str]:
        """Every path in it but those of the package manager's own books."""
        found: set[str] = set()
        for folder, folders, names in os.walk(self.folder):
            here = Path(folder).relative_to(self.folder)
            folders[:] = [name for name in folders if str(here / name) not in _BOOKKEEPING]
            found.update(str(here / name) for name in (*folders, *names))
        return found
