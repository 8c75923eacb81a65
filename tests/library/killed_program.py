"""A program that indexes a folder and is killed: by whoever started it, or by itself at one stage.

    python -m tests.library.killed_program

Each line it is given is a JSON list: a folder, which holds `photos` and `library`, and a stage with
a count. It is worked on by a process made for it, which says "ready" with its number, "told" with
the name of each photo, and "done"; with a stage it kills itself there, the COUNTth time that it
comes by. "ended" with the exit status follows. The slow imports are done once, before.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch_desktop.library import milvus_engine
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.library.vectors import MilvusIndex
from tests.fakes import ColourEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from mmsearch_desktop.domain import VectorSpace
    from mmsearch_desktop.library.server_address import Server


class Fate:
    """Counts how often the stage is come by; the last time is the end."""

    def __init__(self, stage: str = "", count: int = 0) -> None:
        self.stage = stage
        self._left = count

    def comes_by(self, stage: str) -> None:
        if stage == self.stage:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def comes_soon(self, stage: str) -> None:
        """The same, a moment later, in the middle of what is done then."""
        if stage == self.stage:
            threading.Thread(target=self._soon, args=(stage,), daemon=True).start()

    def _soon(self, stage: str) -> None:
        time.sleep(0.002)
        self.comes_by(stage)


class MortalEmbedder(ColourEmbedder):
    def __init__(self, fate: Fate) -> None:
        super().__init__(batch_size=4)
        self._fate = fate

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        self._fate.comes_by("embed")
        return super().embed_pictures(pictures)


class MortalIndex(MilvusIndex):
    fate = Fate()

    def insert(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        self.fate.comes_by("between the stores")
        self.fate.comes_soon("index write")
        super().insert(ids, vectors)
        self.fate.comes_by("index written")

    def remove(self, ids: Sequence[int]) -> None:
        self.fate.comes_by("index removal")
        super().remove(ids)


class MortalLibrary(Library):
    def _opened(self, space: VectorSpace, server: Server | None) -> MilvusIndex:
        assert server is None
        return MortalIndex(self.folder / "index", space, reserve_bytes=0)


def watch_files(fate: Fate, folder: Path) -> None:
    """Python tells of each folder that is listed, and each file opened or renamed."""
    photos, library = str(folder / "photos"), str(folder / "library")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.scandir" and str(arguments[0]).startswith(photos):
            fate.comes_by("scan")
        elif event == "open" and str(arguments[0]).startswith(library):
            if str(arguments[0]).endswith(".new"):
                fate.comes_by("thumbnail begun")
        elif event == "os.rename" and str(arguments[1]).startswith(library):
            fate.comes_by("backup" if "/backups/" in str(arguments[1]) else "")
            fate.comes_by("restoring" if "/damaged/" in str(arguments[1]) else "")
            fate.comes_by("restored" if str(arguments[1]).endswith("catalogue.sqlite") else "")
            fate.comes_by("thumbnail write" if str(arguments[1]).endswith(".webp") else "")

    sys.addaudithook(hook)


def watch_statements(fate: Fate, library: Library) -> None:
    """SQLite tells of each statement before it does it; the writing is done on this thread."""
    connection = library.catalogue._database._connection()
    connection.set_trace_callback(_hearing(fate))


def _hearing(fate: Fate) -> Callable[[str], None]:
    def hear(statement: str) -> None:
        if statement.startswith("COMMIT"):
            fate.comes_by("commit")
            fate.comes_soon("in the commit")
        elif statement.startswith("INSERT OR REPLACE INTO embeddings"):
            fate.comes_by("in the transaction")

    return hear


def watch_decoding(fate: Fate) -> None:
    """It is done on threads of that name, or by processes that they wait for."""

    def look() -> None:
        while not any(thread.name.startswith("decode") for thread in threading.enumerate()):
            time.sleep(0.001)
        fate.comes_by("decode")
        while True:
            time.sleep(0.003)
            fate.comes_by("decode")

    if fate.stage == "decode":
        threading.Thread(target=look, daemon=True).start()


def main(folder: Path, fate: Fate) -> None:
    MortalIndex.fate = fate
    watch_files(fate, folder)
    embedder = MortalEmbedder(fate)
    print(f"ready {os.getpid()}", flush=True)
    with MortalLibrary(folder / "library", reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        watch_statements(fate, library)
        watch_decoding(fate)
        for item in add_folder(folder / "photos", library, index, embedder):
            for photo in item.photos:
                print(f"told {photo.path.name};", flush=True)
    print("done", flush=True)


def serve() -> None:
    milvus_engine.client_class()  # imports it
    for line in sys.stdin:
        folder, stage, count = json.loads(line)
        process = os.fork()
        if process == 0:
            try:
                main(Path(folder), Fate(stage, count))
                os._exit(0)
            finally:
                traceback.print_exc()
                os._exit(1)
        _, status = os.waitpid(process, 0)
        print(f"\nended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    serve()
