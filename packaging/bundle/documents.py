"""What the bundle says about itself: its parts with their licences, and the bill of materials."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundle import sbom
from bundle.parts import Entry, Owners, Part, Text, parts

PLACE = "resources/licences"  # in the bundle
_NAME_LENGTH = 16  # of a text's file: the start of its sha256


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the things lie that the documents are made of."""

    root: Path  # our sources
    work: Path  # where PyInstaller writes what it makes
    version: str


def made_seconds() -> int:
    """The time of everything that is built: SOURCE_DATE_EPOCH, which build.py sets."""
    return int(os.environ["SOURCE_DATE_EPOCH"])


def add_to_bundle(entries: Iterable[Entry], sources: Sources) -> list[Entry]:
    """Write them beside PyInstaller's own work; what PyInstaller is to add to the bundle."""
    owners = Owners(sources.root, sources.work, sources.version)
    found = parts(entries, owners, sources.root / "packaging" / "licences")
    folder = sources.work / "documents"
    bill = sbom.document(found, sources.version, made_seconds())
    texts = {_name(text): text.text for part in found for text in part.texts}
    written = {
        "parts.json": _parts_json(found),
        "sbom.cdx.json": bill,
        "LICENSES.txt": licences_text(found),
        **{f"texts/{name}": text for name, text in sorted(texts.items())},
    }
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [(f"{PLACE}/{name}", str(folder / name), "DATA") for name in sorted(written)]


def _name(text: Text) -> str:
    return f"{hashlib.sha256(text.text.encode()).hexdigest()[:_NAME_LENGTH]}.txt"


def _parts_json(found: Sequence[Part]) -> str:
    """For the window: ui/licences.py reads it."""
    listed = [
        {
            "name": part.owner.name,
            "version": part.owner.version,
            "licence": part.licence,
            "page": part.page,
            "texts": [{"title": text.name, "file": f"texts/{_name(text)}"} for text in part.texts],
        }
        for part in sorted(found, key=_place_in_list)
    ]
    return json.dumps(listed, indent=1, ensure_ascii=False) + "\n"


def _place_in_list(part: Part) -> tuple[bool, str, str]:
    """Our own first, then by name."""
    return part.owner.kind != "own", part.owner.name.lower(), part.owner.version


def licences_text(found: Sequence[Part]) -> str:
    """Everything in one text; what several parts share stands there once."""
    shown: dict[str, str] = {}
    lines = ["What mmsearch-desktop's packaged app is made of, and on what terms.", ""]
    for part in found:
        title = f"{part.owner.name} {part.owner.version}"
        lines += ["=" * 78, f"{title} ({part.licence}) {part.page}".rstrip(), "=" * 78, ""]
        for text in part.texts:
            before = shown.setdefault(text.text, title)
            said = text.text.rstrip() if before == title else f"(the same text as for {before})"
            lines += [f"--- {text.name}", said, ""]
    return "\n".join(lines) + "\n"
