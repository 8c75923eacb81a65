"""The tables of the catalogue, the values that go into them, and the statements that write them.

Each function takes the connection of a running transaction (`Database.write`).
https://www.sqlite.org/autoinc.html, https://www.sqlite.org/json1.html
"""

# ruff: noqa: S608 - what is put into a statement are constants of this file; values are bound

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmsearch_desktop.domain import Photo, VectorSpace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

VERSION = 3
_JUDGEMENTS = (
    """
    CREATE TABLE judgements (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- ascending with time
        asked TEXT NOT NULL UNIQUE,  -- digest of all that the answer depends on
        content_id INTEGER REFERENCES contents ON DELETE CASCADE,  -- NULL: of no photo here
        answer TEXT NOT NULL  -- JSON
    )
    """,
    "CREATE INDEX judgements_content ON judgements (content_id)",
)
_PART_OF = "part_of INTEGER REFERENCES folders"
# Statements that bring a catalogue of an older version to the next one.
UPGRADES = {1: _JUDGEMENTS, 2: (f"ALTER TABLE folders ADD COLUMN {_PART_OF}",)}
SCHEMA = (
    f"""
    CREATE TABLE folders (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,
        mounted INTEGER NOT NULL DEFAULT 0, -- 1: was the root of a drive of its own when last seen
        {_PART_OF} -- the one that was added, for a drive within it; NULL: this one was
    )
    """,
    """
    CREATE TABLE contents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sha256 BLOB NOT NULL UNIQUE,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        format TEXT NOT NULL,
        taken TEXT,  -- ISO 8601 without zone
        forgotten_ns INTEGER  -- when its last photo went; NULL while it has one
    )
    """,
    "CREATE INDEX contents_forgotten ON contents (forgotten_ns) WHERE forgotten_ns IS NOT NULL",
    """
    CREATE TABLE photos (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,
        folder_id INTEGER NOT NULL REFERENCES folders,
        content_id INTEGER NOT NULL REFERENCES contents,
        size_bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        shown_us INTEGER NOT NULL  -- its place in time: taken, else modified
    )
    """,
    "CREATE INDEX photos_folder ON photos (folder_id)",
    "CREATE INDEX photos_content ON photos (content_id)",
    "CREATE INDEX photos_shown ON photos (shown_us DESC, id DESC)",
    """
    CREATE TABLE spaces (
        id INTEGER PRIMARY KEY,
        model TEXT NOT NULL,
        revision TEXT NOT NULL,
        dimensions INTEGER NOT NULL,
        preparation TEXT NOT NULL,
        UNIQUE (model, revision, dimensions, preparation)
    )
    """,
    """
    CREATE TABLE embeddings (
        space_id INTEGER NOT NULL REFERENCES spaces,
        content_id INTEGER NOT NULL REFERENCES contents ON DELETE CASCADE,
        vector BLOB NOT NULL,  -- float16, little endian
        PRIMARY KEY (space_id, content_id)
    )
    """,
    "CREATE INDEX embeddings_content ON embeddings (content_id)",
    """
    CREATE TABLE problems (
        path BLOB PRIMARY KEY,
        reason TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        valid_for TEXT NOT NULL  -- who found it (program, perhaps model); '': look again each time
    )
    """,
    *_JUDGEMENTS,
)
SMALL_TABLES = ("folders", "contents", "photos", "spaces", "problems")
PHOTO = """
    p.id, p.content_id, p.path, c.sha256, c.width, c.height,
    p.size_bytes, p.modified_ns, c.taken, c.format
"""
BETWEEN = "path >= ? AND path < ?"  # see range_below
DIRECTLY_IN = f"{BETWEEN} AND instr(substr(path, ?), ?) = 0"  # see range_in
GIVEN = "(SELECT value FROM json_each(?))"  # a list of integers of any length


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the catalogue holds of one path."""

    photo_id: int
    content_id: int
    folder_id: int
    size_bytes: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KnownProblem:
    """A file that could not be indexed when it had this size and time."""

    reason: str
    size_bytes: int
    modified_ns: int
    valid_for: str  # "" = worth another look


@dataclass(frozen=True, slots=True)
class NewContent:
    """A content and what was learned of it; the vector is [D], or None to leave it as it is."""

    sha256: str
    width: int
    height: int
    format: str
    taken: datetime | None
    vector: Vectors | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A path that shows a content, which is known or stored in the same transaction."""

    path: Path
    folder_id: int
    sha256: str
    size_bytes: int
    modified_ns: int
    moved_photo: int | None = None  # the photo whose file now lies here


@dataclass(frozen=True, slots=True)
class NewProblem:
    path: Path
    reason: str
    size_bytes: int
    modified_ns: int
    valid_for: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A content that is no longer in the catalogue at all."""

    content_id: int
    sha256: str


def as_stored(vectors: Vectors) -> Vectors:
    """The rows [B, D] as they come back out of the catalogue: rounded to float16, unit length.

    What goes into the vector index goes through here, so that an index made again is equal.
    """
    return unit_rows(vectors.astype("<f2"))


def add_space(connection: sqlite3.Connection, space: VectorSpace) -> int:
    row = connection.execute(
        "INSERT INTO spaces (model, revision, dimensions, preparation) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET model = excluded.model RETURNING id",
        space_columns(space),
    ).fetchone()
    return int(row[0])


def put_content(connection: sqlite3.Connection, content: NewContent, space_id: int) -> None:
    row = connection.execute(
        "INSERT INTO contents (sha256, width, height, format, taken) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (sha256) DO UPDATE SET width = excluded.width, height = excluded.height,"
        " format = excluded.format, taken = excluded.taken RETURNING id",
        (
            bytes.fromhex(content.sha256),
            content.width,
            content.height,
            content.format,
            content.taken.isoformat() if content.taken else None,
        ),
    ).fetchone()
    if content.vector is not None:
        connection.execute(
            "INSERT OR REPLACE INTO embeddings (space_id, content_id, vector) VALUES (?, ?, ?)",
            (space_id, row[0], content.vector.astype("<f2").tobytes()),
        )


def put_arrival(connection: sqlite3.Connection, arrival: Arrival, left: set[int]) -> int:
    """The photo's id. A content that was at this path before goes to `left`."""
    path = os.fsencode(arrival.path)
    content_id, taken = connection.execute(
        "SELECT id, taken FROM contents WHERE sha256 = ?", (bytes.fromhex(arrival.sha256),)
    ).fetchone()
    connection.execute("UPDATE contents SET forgotten_ns = NULL WHERE id = ?", (content_id,))
    connection.execute("DELETE FROM problems WHERE path = ?", (path,))
    left.update(
        id_
        for (id_,) in connection.execute("SELECT content_id FROM photos WHERE path = ?", (path,))
    )
    shown = _place_in_time(taken, arrival.modified_ns)
    values = (path, arrival.folder_id, content_id, arrival.size_bytes, arrival.modified_ns, shown)
    if arrival.moved_photo is not None:
        connection.execute(
            "UPDATE photos SET path = ?, folder_id = ?, content_id = ?, size_bytes = ?,"
            " modified_ns = ?, shown_us = ? WHERE id = ?",
            (*values, arrival.moved_photo),
        )
        return arrival.moved_photo
    row = connection.execute(
        "INSERT INTO photos (path, folder_id, content_id, size_bytes, modified_ns, shown_us)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET"
        " folder_id = excluded.folder_id, content_id = excluded.content_id,"
        " size_bytes = excluded.size_bytes,"
        " modified_ns = excluded.modified_ns, shown_us = excluded.shown_us RETURNING id",
        values,
    ).fetchone()
    return int(row[0])


def put_problem(connection: sqlite3.Connection, problem: NewProblem, left: set[int]) -> None:
    path = os.fsencode(problem.path)
    connection.execute(
        "INSERT OR REPLACE INTO problems (path, reason, size_bytes, modified_ns, valid_for)"
        " VALUES (?, ?, ?, ?, ?)",
        (path, problem.reason, problem.size_bytes, problem.modified_ns, problem.valid_for),
    )
    gone = connection.execute("DELETE FROM photos WHERE path = ? RETURNING content_id", (path,))
    left.update(id_ for (id_,) in gone.fetchall())


def forget_unseen(connection: sqlite3.Connection, content_ids: Iterable[int]) -> None:
    connection.execute(
        f"UPDATE contents SET forgotten_ns = ? WHERE id IN {GIVEN}"
        " AND NOT EXISTS (SELECT 1 FROM photos WHERE content_id = contents.id)",
        (time.time_ns(), numbers(content_ids)),
    )


def drop_forgotten(connection: sqlite3.Connection, *, before_ns: int) -> list[Forgotten]:
    rows = connection.execute(
        "DELETE FROM contents WHERE forgotten_ns < ? RETURNING id, sha256", (before_ns,)
    ).fetchall()
    return [Forgotten(id_, sha256.hex()) for id_, sha256 in rows]


def space_columns(space: VectorSpace) -> tuple[str, str, int, str]:
    return space.model, space.revision, space.dimensions, str(space.preparation)


def path_of(stored: bytes) -> Path:
    return Path(os.fsdecode(stored))


def range_below(folder: Path) -> tuple[bytes, bytes]:
    """Every path below `folder`, and no other, lies between these two."""
    separator = os.fsencode(os.sep)
    start = os.fsencode(folder).rstrip(separator) + separator
    return start, start[:-1] + bytes([start[-1] + 1])


def range_in(folder: Path) -> tuple[bytes, bytes, int, bytes]:
    """What to bind for `DIRECTLY_IN`: the range below, and where no separator may follow."""
    start, end = range_below(folder)
    return start, end, len(start) + 1, os.fsencode(os.sep)


def numbers(numbers: Iterable[int]) -> str:
    return json.dumps([int(number) for number in numbers])


def photo_of(row: tuple[Any, ...]) -> Photo:
    id_, content_id, path, sha256, width, height, size_bytes, modified_ns, taken, format_ = row
    return Photo(
        id=id_,
        content_id=content_id,
        path=path_of(path),
        sha256=sha256.hex(),
        width=width,
        height=height,
        size_bytes=size_bytes,
        modified_ns=modified_ns,
        taken=datetime.fromisoformat(taken) if taken else None,
        format=format_,
    )


def _place_in_time(taken: str | None, modified_ns: int) -> int:
    """Microseconds since 1970; a time of day without zone is taken as it stands."""
    if taken is None:
        return modified_ns // 1000
    return (datetime.fromisoformat(taken) - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def unit_rows(rows: NDArray[np.floating[Any]]) -> Vectors:
    exact = rows.astype(np.float32)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return (exact / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def usable_vectors(rows: Sequence[tuple[int, bytes]], dimensions: int) -> dict[int, Vectors]:
    """(content id, vector as stored) -> unit vector; what damage made of others is left out."""
    whole = [(id_, blob) for id_, blob in rows if len(blob) == 2 * dimensions]
    if not whole:
        return {}
    stored = np.frombuffer(b"".join(blob for _, blob in whole), dtype="<f2")
    stored = stored.reshape(len(whole), dimensions)
    usable = np.isfinite(stored).all(axis=1) & stored.any(axis=1)
    vectors = unit_rows(stored[usable])
    return dict(
        zip(
            (id_ for (id_, _), good in zip(whole, usable, strict=True) if good),
            vectors,
            strict=True,
        )
    )
