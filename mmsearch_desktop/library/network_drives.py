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


def drives_below(folder: Path) -> frozenset[tuple[str, bytes]]:
    """Place and device of each that is mounted in it now; none where the system does not tell.

    The system says nothing to those who listen to a folder when a drive comes or goes in it.
    """
    if not sys.platform.startswith("linux"):
        return frozenset()
    start = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - ends with a separator
    try:
        mounted = _mounted(Path("/proc/self/mounts").read_bytes())
    except OSError:
        return frozenset()
    return frozenset((place, device) for device, place, _ in mounted if place.startswith(start))


def remote_by_proc_mounts(folder: Path, mounts: bytes) -> bool:
    """By Linux's list. Of two over one place the last is seen."""
    kinds = {Path(place): kind.decode(errors="replace") for _, place, kind in _mounted(mounts)}
    return _nearest(folder, kinds, "") in _REMOTE


def _mounted(mounts: bytes) -> list[tuple[bytes, str, bytes]]:
    """Device, place, type."""
    lines = (line.split(b" ") for line in mounts.splitlines())
    return [
        (words[0], os.fsdecode(_unescaped(words[1])), words[2]) for words in lines if len(words) > 2
    ]


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
