"""Lays the stored gallery out as a labelled set: photos, and queries.csv for `evaluate`.

python -m sample_model.labelled_set FOLDER
mmsearch-desktop --embedder sample evaluate FOLDER/queries.csv --gallery FOLDER/photos
"""

from __future__ import annotations

import argparse
import csv
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sample_model.gallery import FOLDER, PICTURES, Gallery, Question, read_labels

GALLERY, SOURCES, TABLE = "photos", "sources", "queries.csv"


def lay_out(world: Path, folder: Path, *, every: int = 1) -> int:
    """Write the pictures and the table, of each `every`th question; how many questions.

    Questions about products seen in training are left out: those have pictures of their own.
    """
    gallery = read_labels(world)
    _unpack(world / PICTURES, folder)
    questions = [question for question in gallery.questions if not question.among_seen][::every]
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("words", "picture", "wanted"))
        table.writerows(_rows(gallery, questions))
    return len(questions)


def _rows(gallery: Gallery, questions: Sequence[Question]) -> Iterator[tuple[str, str, str]]:
    right = gallery.right(questions, among_seen=False)  # [questions, pictures]
    for question, answers in zip(questions, right, strict=True):
        source = "" if question.source is None else f"{SOURCES}/{question.source:04}.webp"
        wanted = "; ".join(f"{GALLERY}/{place:04}.webp" for place in np.flatnonzero(answers))
        yield question.words, source, wanted


def _unpack(pictures: Path, folder: Path) -> None:
    places = {"gallery": folder / GALLERY, "sources": folder / SOURCES}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(pictures) as stored:
        for name in stored.namelist():
            group, _, file = name.partition("/")
            if group in places:
                (places[group] / file).write_bytes(stored.read(name))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="the stored gallery as a labelled set")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="fewer questions")
    options = parser.parse_args(arguments)
    count = lay_out(FOLDER, options.folder, every=options.every)
    print(f"{count:,} questions: {options.folder / TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
