"""Small drawn sets of labelled queries in each public layout, and a person's own table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.library.pictures import write_photo

# One picture of each; in CIRCO and CIRR the reference is red, in CIRR's own set of six too.
GALLERY = ("red", "orange", "yellow", "green", "blue", "purple", "black", "white")


def write_json(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def circo_id(colour: str) -> int:
    return 1000 + GALLERY.index(colour)


def circo_entry(number: int = 0, **changed: Any) -> dict[str, Any]:
    """Asks for something blue instead of red; blue and purple are right, blue is the target."""
    entry = {
        "reference_img_id": circo_id("red"),
        "target_img_id": circo_id("blue"),
        "relative_caption": "is blue",
        "shared_concept": "a flat colour",
        "gt_img_ids": [circo_id("blue"), circo_id("purple")],
        "id": number,
        "semantic_aspects": ["negation"],
    }
    return entry | changed


def write_circo(folder: Path, entries: Sequence[object] = (circo_entry(),)) -> Path:
    home = folder / "COCO2017_unlabeled"
    images = []
    for colour in GALLERY:
        name = f"{circo_id(colour):012}.jpg"
        write_photo(home / "unlabeled2017" / name, colour)
        images.append({"id": circo_id(colour), "file_name": name, "height": 48, "width": 64})
    listed = home / "annotations" / "image_info_unlabeled2017.json"
    write_json(listed, {"info": {}, "images": images})
    write_json(folder / "annotations" / "val.json", entries)
    return folder


def cirr_name(colour: str) -> str:
    return f"dev-{GALLERY.index(colour)}-0-img0"


def cirr_entry(number: int = 12060, **changed: Any) -> dict[str, Any]:
    entry = {
        "pairid": number,
        "reference": cirr_name("red"),
        "target_hard": cirr_name("blue"),
        "target_soft": {cirr_name("blue"): 1.0, cirr_name("purple"): 0.5},
        "caption": "make it blue",
        "img_set": {
            "id": 36,
            "members": [cirr_name(one) for one in ("red", "blue", "yellow", "black", "purple")],
            "reference_rank": 0,
            "target_rank": 1,
        },
    }
    return entry | changed


def write_cirr(
    folder: Path, entries: Sequence[object] = (cirr_entry(),), pictures: str = "img_raw"
) -> Path:
    places = {cirr_name(colour): f"./dev/{cirr_name(colour)}.png" for colour in GALLERY}
    for colour in GALLERY:
        write_photo(folder / pictures / "dev" / f"{cirr_name(colour)}.png", colour)
    write_json(folder / "image_splits" / "split.rc2.val.json", places)
    write_json(folder / "captions" / "cap.rc2.val.json", entries)
    return folder


def fashion_entry(kind: str, **changed: Any) -> dict[str, Any]:
    captions = ["is blue", " has less red "]
    entry = {"candidate": f"{kind}red", "target": f"{kind}blue", "captions": captions}
    return entry | changed


def write_fashioniq(
    folder: Path,
    entries: Mapping[str, Sequence[object]] | None = None,
    pictures: str = "images",
    suffix: str = ".png",
) -> Path:
    for kind in ("dress", "shirt", "toptee"):
        names = [kind + colour for colour in GALLERY]
        for name, colour in zip(names, GALLERY, strict=True):
            write_photo(folder / pictures.format(kind) / f"{name}{suffix}", colour)
        write_json(folder / "image_splits" / f"split.{kind}.val.json", names)
        asked = [fashion_entry(kind)] if entries is None else entries.get(kind, [])
        if asked:
            write_json(folder / "captions" / f"cap.{kind}.val.json", asked)
    return folder


def write_gallery(folder: Path) -> Path:
    """A person's own photos: one of each colour, a copy of the red one, and two of one name."""
    for colour in GALLERY:
        write_photo(folder / f"{colour}.png", colour)
    write_photo(folder / "copies" / "red again.png", "red")
    write_photo(folder / "one" / "same.png", "pink")
    write_photo(folder / "two" / "same.png", "brown")
    return folder


def write_table(path: Path, *rows: str, heading: str = "words,picture,wanted") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([heading, *rows]) + "\n")
    return path
