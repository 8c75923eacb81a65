"""Which drives belong to other computers, by what the systems say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.library.network_drives import (
    is_on_network,
    remote_by_mount_command,
    remote_by_proc_mounts,
)

_LINUX = rb"""/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
/dev/sdb1 /media/my\040drive exfat rw 0 0
nas:/volume1/photos /mnt/nas\040photos nfs4 rw,vers=4.2 0 0
//nas/share /mnt/share cifs rw 0 0
me@host: /home/me/far fuse.sshfs rw 0 0
/dev/sdc1 /mnt/share/stick vfat rw 0 0
systemd-1 /mnt/later autofs rw 0 0
/dev/sdd1 /mnt/later ext4 rw 0 0
C:\134 /mnt/c 9p rw 0 0
"""
_MACOS = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
/dev/disk4s1 on /Volumes/My (new) drive (exfat, local, nodev, nosuid, noowners)
//me@nas._smb._tcp.local/photos on /Volumes/photos (smbfs, nodev, nosuid, mounted by me)
"""


@pytest.mark.parametrize(
    ("folder", "remote"),
    [
        ("/home/me/photos", False),
        ("/media/my drive/2024", False),
        ("/mnt/nas photos/2024", True),
        ("/mnt/nas photos", True),
        ("/mnt/nas", False),
        ("/mnt/share/a", True),
        ("/mnt/share/stick/a", False),
        ("/home/me/far/a", True),
        ("/mnt/later/a", False),
        ("/mnt/c/Users", True),
    ],
)
def test_linux(folder: str, *, remote: bool) -> None:
    assert remote_by_proc_mounts(Path(folder), _LINUX) is remote


@pytest.mark.parametrize(
    ("folder", "remote"),
    [
        ("/Users/me/Pictures", False),
        ("/Volumes/My (new) drive/a", False),
        ("/Volumes/photos/2024", True),
    ],
)
def test_macos(folder: str, *, remote: bool) -> None:
    assert remote_by_mount_command(Path(folder), _MACOS) is remote


@given(st.binary(), st.text())
def test_whatever_is_listed(mounts: bytes, told: str) -> None:
    assert isinstance(remote_by_proc_mounts(Path("/a/b"), mounts), bool)
    assert isinstance(remote_by_mount_command(Path("/a/b"), told), bool)


def test_this_computer(tmp_path: Path) -> None:
    assert not is_on_network(tmp_path / "not there")
