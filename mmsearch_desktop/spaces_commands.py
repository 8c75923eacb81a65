"""What the command line says and does about the models that a library is searchable with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop import settings
from mmsearch_desktop.domain import LibraryBusy, LibraryProblem
from mmsearch_desktop.terminal import put, safe, tell

if TYPE_CHECKING:
    from mmsearch_desktop.domain import Embedder
    from mmsearch_desktop.library.spaces import KeptSpace
    from mmsearch_desktop.library.stores import Library


def remember(library: Library, embedder: Embedder, choice: str) -> None:
    """So that the list can name it, and the window open it again, from wherever it is started."""
    from mmsearch_desktop.library.spaces import SpaceName
    from mmsearch_desktop.library.spaces import remember as note

    folder = Path(choice)
    lasting = str(folder.resolve()) if folder.is_dir() else choice
    note(library, embedder.space, SpaceName(embedder.name, lasting))


def put_spaces(folder: Path, chosen: str) -> None:
    """A list of them, where there is a library; `chosen` is the model in use."""
    from mmsearch_desktop.library.spaces import kept_spaces
    from mmsearch_desktop.library.stores import Library

    if not (folder / "catalogue.sqlite").is_file():
        return
    try:
        with Library(folder) as library:
            kept = kept_spaces(library)
            photos = len(library.catalogue.content_ids())
    except LibraryBusy as error:
        tell(f"{error} What it is searchable with stands on the Models page of its window.")
        return
    if kept:
        put(f"{safe(folder)} is searchable with:")
    for one in kept:
        mark = ", in use" if _is_chosen(one, chosen) else ""
        put(f"{one.space.key}  {safe(one.name.title)}{mark}")
        put(f"    {_facts(one, photos)}")


def remove_index(name: str, folder: Path, chosen: str) -> int:
    """Drop what was prepared for a model, by its key, name or title. LibraryProblem."""
    from mmsearch_desktop.library.milvus_server import server_of
    from mmsearch_desktop.library.spaces import kept_spaces, remove_space
    from mmsearch_desktop.library.stores import Library

    if not (folder / "catalogue.sqlite").is_file():
        raise LibraryProblem(f"{folder}: there is no library. Name another with --library.")
    with Library(folder, server=server_of(settings.load())) as library:
        kept = kept_spaces(library)
        wanted = _named(name, kept)
        serving = wanted.space if _is_chosen(wanted, chosen) else None
        remove_space(wanted.space, library, serving=serving)
        photos = len(library.catalogue.content_ids())
    put(f"Removed {wanted.space.key}  {safe(wanted.name.title)}: {_facts(wanted, photos)}")
    return 0


def _named(name: str, kept: list[KeptSpace]) -> KeptSpace:
    found = [one for one in kept if name in (one.space.key, one.name.choice, one.name.title)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{one.space.key} ({one.name.title})" for one in found or kept)
    fact = f"“{name}” names more than one index" if found else f"There is no index for “{name}”"
    raise LibraryProblem(
        f"{fact}. Name one of: {known}." if known else f"{fact}, nor for any other model."
    )


def _is_chosen(kept: KeptSpace, chosen: str) -> bool:
    folder = Path(chosen)
    same_folder = folder.is_dir() and str(folder.resolve()) == kept.name.choice
    return same_folder or chosen == kept.name.choice


def _facts(kept: KeptSpace, photos: int) -> str:
    from mmsearch_desktop.models.offers import size_text

    of = "" if kept.photos >= photos else f" of {photos:,}"
    return (
        f"{kept.photos:,}{of} photos; {size_text(kept.size_bytes)};"
        f" {kept.space.dimensions} dimensions"
    )
