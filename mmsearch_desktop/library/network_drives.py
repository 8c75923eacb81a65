"""Whether a folder lies on a drive of another computer, whose changes this system does not tell of.

Other computers' changes to such a drive make no message
here, whichever program asks for them, so such folders are looked through every so often instead.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

# The types of /proc/mounts: network, and the folders that a virtual machine shares with its host.
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "9p", "drvfs", "virtiofs"}
    | {"vboxsf", "vmhgfs", "prl_fs", "lustre", "gpfs", "beegfs", "orangefs", "davfs", "glusterfs"}
    | {"fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.s3fs", "fuse.davfs2", "fuse.ceph-fuse"}
    | {"fuse.gvfsd-fuse", "fuse.kio-fuse", "fuse.vmhgfs-fuse", "fuse.smbnetfs", "fuse.curlftpfs"}
    | {"fuse.goofys", "fuse.gcsfuse", "fuse.mount-s3", "fuse.juicefs", "fuse.onedriver", "autofs"}
)
_MACOS_LINE = re.compile(r"^.* on (?P<place>.*) \((?P<marks>[^()]*)\)$")
_DRIVE_REMOTE = 4  # of Windows' GetDriveType
_MACOS_PATIENCE_SECONDS = 5.0
_Told = TypeVar("_Told")


def is_on_network(folder: Path) -> bool:
    """False too where that cannot be found out."""
    real = Path(os.path.realpath(folder))
    if sys.platform == "win32":
        return _windows_says_so(real)
    try:
        if sys.platform == "darwin":
            return remote_by_mount_command(real, _mount_command())
        return remote_by_proc_mounts(real, Path("/proc/self/mounts").read_bytes())
    except (OSError, subprocess.SubprocessError):
        return False


def remote_by_proc_mounts(folder: Path, mounts: bytes) -> bool:
    """By Linux's list: device, place, type, options. Of two over one place the last is seen."""
    kinds: dict[Path, str] = {}
    for line in mounts.splitlines():
        words = line.split(b" ")
        if len(words) >= 3:
            kinds[Path(os.fsdecode(_unescaped(words[1])))] = words[2].decode(errors="replace")
    return _nearest(folder, kinds, "") in _REMOTE


def remote_by_mount_command(folder: Path, told: str) -> bool:
    """By what macOS's `mount` prints: what lies on this computer is marked "local" there."""
    local: dict[Path, bool] = {}
    for line in told.splitlines():
        if found := _MACOS_LINE.match(line):
            local[Path(found["place"])] = "local" in found["marks"].split(", ")
    return not _nearest(folder, local, True)  # noqa: FBT003 - what holds where nothing is known


def _nearest(folder: Path, known: Mapping[Path, _Told], otherwise: _Told) -> _Told:
    around = (folder, *folder.parents)
    return next((known[place] for place in around if place in known), otherwise)


def _unescaped(place: bytes) -> bytes:
    r"""Spaces, tabs, line ends and backslashes are written as \040 there."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8) & 0xFF]), place)


def _mount_command() -> str:
    done = subprocess.run(
        ["/sbin/mount"],
        capture_output=True,
        check=True,
        timeout=_MACOS_PATIENCE_SECONDS,
    )
    return os.fsdecode(done.stdout)


def _windows_says_so(folder: Path) -> bool:
    if folder.drive.startswith("\\\\"):  # \\server\share
        return True
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.kernel32.GetDriveTypeW(f"{folder.drive}\\") == _DRIVE_REMOTE)
    return False
