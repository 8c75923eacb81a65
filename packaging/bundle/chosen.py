"""What goes into the bundle and what stays out, and why; read by mmsearch-desktop.spec."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path

Entry = tuple[str, str, str]  # of PyInstaller: place in the bundle, source, kind

# looked up by name while the program runs
WITH_METADATA = ("milvus-lite", "pymilvus", "torch", "transformers", "tokenizers", "safetensors",
                 "PySide6-Essentials", "numpy", "pillow", "pillow-heif", "msgpack", "httpx",
                 "filelock", "platformdirs", "rich", "watchfiles")  # fmt: skip
HIDDEN_IMPORTS = ("milvus_lite", "milvus_lite.server_manager", "pkg_resources", "pillow_heif")
# Parts that other systems and other work need. Nothing of torch or transformers stands here:
# `import torch` takes along more than one would think (torch.ao.quantization, torch.testing).
EXCLUDED_MODULES = ("tkinter", "_tkinter", "idlelib", "lib2to3", "pip", "PyInstaller",
                    "pytest", "matplotlib", "IPython")  # fmt: skip

# Files that no running program reads: C++ headers and test programs of torch; the theme plugin
# that would take GTK of the building machine along; Qt for devices without a desktop.
LEFT_OUT = (
    "torch/include/*",
    "torch/test/*",
    "torch/share/cmake/*",
    "torch/bin/test_*",
    "torch/bin/*Test*",
    "torch/bin/*_test*",
    "torch/bin/protoc*",
    "torch/bin/*example*",
    "*/platformthemes/libqgtk3.so",
    "*/platforms/libqeglfs*",
    "*/platforms/libqlinuxfb*",
    "*/platforms/libqminimalegl*",
    "*/platforms/libqvkkhrdisplay*",
    "*/platforms/libqvnc*",
    "*/egldeviceintegrations/*",
    "*libQt6EglF*",
    "*.pyi",
    "*/__pycache__/*",
)

# On Linux the libraries of desktop and graphics stay the system's (the installer asks for them):
# a bundled libstdc++ or libX11 is older than what the drivers of a later system want. What
# Python's own modules need comes along.
PYTHON_NEEDS = ("libpython*", "libssl.*", "libcrypto.*", "libsqlite3.*", "libffi.*", "libbz2.*",
                "liblzma.*", "libreadline.*", "libtinfo.*", "libncurses*", "libuuid.*",
                "libmpdec*", "libexpat.*", "libdb-*")  # fmt: skip


def resources(folder: Path) -> list[tuple[str, str]]:
    """Icons, style sheet, sample model and sample photos: whatever lies there, file by file."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [
        (str(path), str(Path("resources", path.parent.relative_to(folder))))
        for path in found
        if path.suffix not in (".py", ".pyc")
    ]


def engine_files() -> list[tuple[str, str]]:
    """The program of milvus-lite 2.5.1 and its libraries; 3.x (Windows) is a Python extension."""
    spec = importlib.util.find_spec("milvus_lite")
    if spec is None or spec.origin is None:
        raise SystemExit("milvus-lite is not installed here. Call: packaging/dev.py package")
    folder = Path(spec.origin).parent / "lib"
    return [(str(path), "milvus_lite/lib") for path in sorted(folder.glob("*"))]


def kept(entries: Iterable[Entry]) -> list[Entry]:
    """Without what is left out, and in one order whatever the file system's is."""
    entries = [entry for entry in entries if not _is_left_out(entry[0])]
    return sorted(entry for entry in entries if entry[2] == "SYMLINK" or not _is_of_system(entry))


def _is_left_out(place: str) -> bool:
    name = place.replace("\\", "/")
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in LEFT_OUT)


def _is_of_system(entry: Entry) -> bool:
    """Whether it is a library of this Linux system that the installed app takes from its own."""
    place, source, _ = entry
    if not sys.platform.startswith("linux") or "/" in place:
        return False
    if source.startswith((sys.prefix, sys.base_prefix.rstrip("/") + "/lib/python")):
        return False
    return ".so" in place and not any(fnmatch.fnmatchcase(place, one) for one in PYTHON_NEEDS)


MACOS_FACTS = {
    "NSHighResolutionCapable": True,
    "LSMinimumSystemVersion": "13.0",
    "LSApplicationCategoryType": "public.app-category.photography",
    "CFBundleDocumentTypes": [
        {
            "CFBundleTypeName": "Pictures and folders",
            "CFBundleTypeRole": "Viewer",
            "LSHandlerRank": "Alternate",
            "LSItemContentTypes": ["public.image", "public.folder"],
        }
    ],
}
_WINDOWS_VERSION = """\
VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}),
  kids=[
    StringFileInfo([StringTable("040904B0", [
      StringStruct("FileDescription", "Photo search by words, by picture, or by both"),
      StringStruct("ProductName", "mmsearch-desktop"),
      StringStruct("ProductVersion", "{version}"),
      StringStruct("FileVersion", "{version}"),
      StringStruct("LegalCopyright", "Apache-2.0"),
    ])]),
    VarFileInfo([VarStruct("Translation", [1033, 1200])]),
  ],
)
"""


def windows_version(folder: Path, version: str) -> str | None:
    """The file with what Windows shows under "Properties"; None elsewhere."""
    if os.name != "nt":
        return None
    parts = (*(int(part) for part in version.split(".") if part.isdigit()), 0, 0, 0, 0)[:4]
    path = folder / "windows_version.txt"
    path.write_text(_WINDOWS_VERSION.format(numbers=parts, version=version), encoding="utf-8")
    return str(path)
