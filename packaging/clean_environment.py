"""Runs first in the packaged app: other programs that it starts get the system's libraries.

PyInstaller's start program points LD_LIBRARY_PATH at the bundle. The loader has read it when Python
starts, so nothing of ours needs it any more; a browser or image viewer that inherits it would be
given the bundle's libraries in place of its own.
https://pyinstaller.org/en/stable/runtime-information.html (LD_LIBRARY_PATH considerations)
"""

import os

for _name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
    _before = os.environ.pop(f"{_name}_ORIG", None)
    os.environ.pop(_name, None)
    if _before is not None:
        os.environ[_name] = _before
