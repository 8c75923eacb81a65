"""The rows of the grid: the hits of a query, or the photos of the library, newest first.

`data` only looks things up: thumbnails come from the loader's cache or are absent until it has
them, and no file is touched. All texts are plain and kept to one line where they name a file.
"""

from __future__ import annotations

import bisect
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QDate,
    QLocale,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTime,
)

from mmsearch_desktop.domain import Hit, Photo, Similarities
from mmsearch_desktop.ui.verdict_wording import judgement, places, spoken

if TYPE_CHECKING:
    from mmsearch_desktop.ui.thumbnail_loader import ThumbnailLoader

HIT_ROLE = Qt.ItemDataRole.UserRole + 1  # Hit, or None where the library is browsed
PHOTO_ROLE = Qt.ItemDataRole.UserRole + 2
PATH_ROLE = Qt.ItemDataRole.UserRole + 3
SCORE_ROLE = Qt.ItemDataRole.UserRole + 4  # float, or None
_ROLE_NAMES = {HIT_ROLE: b"hit", PHOTO_ROLE: b"photo", PATH_ROLE: b"path", SCORE_ROLE: b"score"}
_COPIES_NAMED = 3
_EPOCH = datetime(1970, 1, 1)

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class ResultsModel(QAbstractListModel):
    """Either hits or photos; changes that keep what is shown keep selection and place as well."""

    def __init__(
        self, loader: ThumbnailLoader | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._rows: list[Hit | Photo] = []
        self._photo_ids: set[int] = set()  # of the photos; empty while hits are shown
        self._shows_hits = False
        self._wanted_rows: tuple[int, ...] = ()
        self._loader: ThumbnailLoader | None = None
        self.set_loader(loader)

    @property
    def shows_hits(self) -> bool:
        return self._shows_hits

    @property
    def hits(self) -> tuple[Hit, ...]:
        """In the order shown; empty while photos are shown."""
        return tuple(row for row in self._rows if isinstance(row, Hit))

    @property
    def photos(self) -> tuple[Photo, ...]:
        """In the order shown; empty while hits are shown."""
        return () if self._shows_hits else tuple(map(photo_of, self._rows))

    def set_loader(self, loader: ThumbnailLoader | None) -> None:
        """Where thumbnails come from, from now on; the one before is not closed."""
        if self._loader is not None:
            self._loader.loaded.disconnect(self._thumbnail_came)
        self._loader = loader
        if loader is not None:
            loader.loaded.connect(self._thumbnail_came)
        self._all_changed()

    def show_hits(self, hits: Sequence[Hit]) -> None:
        """Replace everything by these, best first."""
        self._replace(hits, shows_hits=True)

    def show_photos(self, photos: Sequence[Photo]) -> None:
        """Replace everything by these, newest first."""
        self._replace(photos, shows_hits=False)

    def clear(self) -> None:
        self._replace((), shows_hits=False)

    def append_photos(self, photos: Sequence[Photo]) -> None:
        """Add older ones at the end. Those already here, and all while hits are shown, are not."""
        self._insert(len(self._rows), self._new(photos))

    def prepend(self, photos: Sequence[Photo]) -> None:
        """Add these in front, in their order; left out as with `append_photos`."""
        self._insert(0, self._new(photos))

    def arrived(self, photos: Sequence[Photo]) -> None:
        """Add each where the catalogue's order, newest first, has it.

        One whose id is already here takes the place of the one before. Nothing happens while hits
        are shown.
        """
        known = {photo.id: photo for photo in photos if photo.id in self._photo_ids}
        if known:
            self.remove_photos(self._update_photos(known))
        new = sorted(self._new(photos), key=_oldest_last)
        places = [bisect.bisect_right(self._rows, _oldest_last(p), key=_oldest_last) for p in new]
        groups = groupby(zip(places, new, strict=True), key=lambda pair: pair[0])
        for place, pairs in reversed([(place, list(pairs)) for place, pairs in groups]):
            self._insert(place, [photo for _, photo in pairs])

    def remove_photos(self, photo_ids: Iterable[int]) -> None:
        """Take out the rows of these photos."""
        gone = set(photo_ids)
        rows = [row for row, entry in enumerate(self._rows) if photo_of(entry).id in gone]
        runs = groupby(enumerate(rows), key=lambda pair: pair[1] - pair[0])
        for run in reversed([[row for _, row in pairs] for _, pairs in runs]):
            self.beginRemoveRows(_ROOT, run[0], run[-1])
            del self._rows[run[0] : run[-1] + 1]
            self.endRemoveRows()
        self._photo_ids -= gone

    def update_hits(self, hits: Sequence[Hit]) -> None:
        """Bring the hits that are shown into a new order, or change what is said of them.

        Selection, current photo and persistent indexes stay with their contents. Anything but
        the same contents replaces all, as `show_hits` does.
        """
        old = [hit.photo.content_id for hit in self.hits]
        new = [hit.photo.content_id for hit in hits]
        if not self._shows_hits or sorted(old) != sorted(new) or len(set(new)) < len(new):
            self.show_hits(hits)
        elif old == new:
            for row, hit in enumerate(hits):
                self._change(row, hit)
        else:
            self._reorder(old, new, hits)

    def replace_hit(self, hit: Hit) -> None:
        """Change what is said of one hit, in its place. Unknown contents are left alone."""
        for row, shown in enumerate(self.hits):
            if shown.photo.content_id == hit.photo.content_id:
                self._change(row, hit)

    def path_at(self, row: int) -> Path:
        return photo_of(self._rows[row]).path

    def paths(self, rows: range) -> list[Path]:
        """Quick for very many."""
        entries = self._rows[rows.start : rows.stop]
        if self._shows_hits:
            return [photo_of(entry).path for entry in entries]
        return [entry.path for entry in entries if isinstance(entry, Photo)]

    def row_near(self, photo: Photo) -> int:
        """The row of this photo, or where it would be; meant for photos, not for hits."""
        return bisect.bisect_left(self._rows, _oldest_last(photo), key=_oldest_last)

    def want(self, rows: Sequence[int]) -> None:
        """Have the thumbnails of these loaded, nearest first, and no others any more."""
        self._wanted_rows = tuple(rows)
        if self._loader is not None:
            self._loader.wanted([photo_of(self._rows[row]) for row in rows])

    def set_thumbnail_side(self, side_pixels: int) -> None:
        """Load thumbnails for pictures of this side, in pixels of the screen."""
        if self._loader is not None:
            self._loader.set_side_pixels(side_pixels)

    def _replace(self, rows: Sequence[Hit] | Sequence[Photo], *, shows_hits: bool) -> None:
        self.beginResetModel()
        self._rows = list(rows)
        self._shows_hits = shows_hits
        self._photo_ids = {row.id for row in rows if isinstance(row, Photo)}
        self._wanted_rows = ()
        self.endResetModel()

    def _new(self, photos: Sequence[Photo]) -> list[Photo]:
        if self._shows_hits:
            return []
        return list({p.id: p for p in photos if p.id not in self._photo_ids}.values())

    def _insert(self, place: int, photos: Sequence[Photo]) -> None:
        if photos:
            self.beginInsertRows(_ROOT, place, place + len(photos) - 1)
            self._rows[place:place] = photos
            self._photo_ids.update(photo.id for photo in photos)
            self.endInsertRows()

    def _update_photos(self, photos: dict[int, Photo]) -> list[int]:
        """Change them in their places; the ids of those that belong to another place now."""
        elsewhere: list[int] = []
        for row, entry in enumerate(self._rows):
            photo = photos.get(photo_of(entry).id)
            if photo is None:
                continue
            if _oldest_last(photo) == _oldest_last(entry):
                self._change(row, photo)
            else:
                elsewhere.append(photo.id)
        return elsewhere

    def _change(self, row: int, entry: Hit | Photo) -> None:
        if self._rows[row] != entry:
            self._rows[row] = entry
            self.dataChanged.emit(self.index(row), self.index(row))

    def _reorder(self, old: list[int], new: list[int], hits: Sequence[Hit]) -> None:
        self.layoutAboutToBeChanged.emit()
        places = {content_id: row for row, content_id in enumerate(new)}
        before = self.persistentIndexList()
        self._rows = list(hits)
        after = [self.index(places[old[index.row()]]) for index in before]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _thumbnail_came(self, sha256: str) -> None:
        for row in self._wanted_rows:
            if row < len(self._rows) and photo_of(self._rows[row]).sha256 == sha256:
                index = self.index(row)
                self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    def _all_changed(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        entry = self._rows[index.row()]
        answer = _ANSWERS.get(role)
        if answer is not None:
            return answer(entry)
        if role == Qt.ItemDataRole.DecorationRole and self._loader is not None:
            return self._loader.image(photo_of(entry).sha256)
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        usable = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return usable | Qt.ItemFlag.ItemIsDragEnabled | Qt.ItemFlag.ItemNeverHasChildren

    def roleNames(self) -> dict[int, QByteArray]:
        ours = {int(role): QByteArray(name) for role, name in _ROLE_NAMES.items()}
        return super().roleNames() | ours

    def mimeTypes(self) -> list[str]:
        return ["text/uri-list", "text/plain"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        rows = sorted({index.row() for index in indexes})
        return mime_data_of(written([self.path_at(row) for row in rows]))

    def supportedDragActions(self) -> Qt.DropAction:
        return Qt.DropAction.CopyAction  # never "move": photos are the person's


def photo_of(entry: Hit | Photo) -> Photo:
    return entry.photo if isinstance(entry, Hit) else entry


@dataclass(frozen=True, slots=True)
class WrittenPaths:
    """Paths as other programs take them."""

    addresses: bytes  # a "text/uri-list": one file address a line, byte for byte
    text: str  # one path a line
    count: int


def written(paths: Sequence[Path]) -> WrittenPaths:
    """For dragging and copying. Any thread; 100,000 take half a second."""
    addresses = "".join(f"{path.as_uri()}\r\n" for path in paths).encode("ascii")
    return WrittenPaths(addresses, "\n".join(map(_as_text, paths)), len(paths))


def mime_data_of(paths: WrittenPaths) -> QMimeData:
    made = QMimeData()
    made.setData("text/uri-list", paths.addresses)
    made.setText(paths.text)
    return made


def _as_text(path: Path) -> str:
    """Bytes of a name that are no UTF-8 become a replacement character instead of vanishing."""
    return str(path).encode(errors="surrogateescape").decode(errors="replace")


def one_line(text: str) -> str:
    """Text from outside, fit to be shown: no line breaks, control or direction characters."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_hidden(c) else c for c in text)


def facts(photo: Photo, copies: Sequence[Path] = ()) -> str:
    """Several plain lines: name, folder, sizes and format, when it is of, copies."""
    lines = [one_line(photo.path.name), one_line(str(photo.path.parent))]
    size = QLocale().formattedDataSize(photo.size_bytes, 1, QLocale.DataSizeFormat.DataSizeSIFormat)
    lines.append(f"{photo.width} × {photo.height} pixels · {size} · {photo.format}")
    lines.append(_when(photo))
    lines += [f"Copy: {one_line(str(path))}" for path in copies[:_COPIES_NAMED]]
    if len(copies) > _COPIES_NAMED:
        lines.append(f"and {len(copies) - _COPIES_NAMED} more copies")
    return "\n".join(lines)


def similarities_line(similarities: Similarities) -> str:
    """Such as "words 0.31 · picture 0.87 · together 0.64"; parts not asked for are left out."""
    parts = (
        ("words", similarities.words),
        ("picture", similarities.picture),
        ("together", similarities.together),
    )
    return " · ".join(f"{name} {decimals(value)}" for name, value in parts if value is not None)


def decimals(value: float) -> str:
    """Two of them, and never a negative zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def _display_text(entry: Hit | Photo) -> str:
    return one_line(photo_of(entry).path.name)


def _tooltip(entry: Hit | Photo) -> str:
    if isinstance(entry, Photo):
        return facts(entry)
    told = [facts(entry.photo, entry.copies), how_it_matched(entry)]
    if entry.verdict is not None:
        told.append(judgement(entry.verdict))
    return "\n\n".join(told)


def how_it_matched(hit: Hit) -> str:
    """The similarities of the parts of the query, or that of the whole."""
    return similarities_line(hit.similarities) or f"similarity {decimals(hit.score)}"


def _accessible_text(entry: Hit | Photo) -> str:
    name = _display_text(entry)
    if isinstance(entry, Photo):
        return name
    parts = (name, places(entry), f"score {decimals(entry.score)}", spoken(entry))
    return ", ".join(part for part in parts if part)


_ANSWERS: dict[int, Callable[[Hit | Photo], Any]] = {
    Qt.ItemDataRole.DisplayRole: _display_text,
    Qt.ItemDataRole.ToolTipRole: _tooltip,
    Qt.ItemDataRole.AccessibleTextRole: _accessible_text,
    Qt.ItemDataRole.AccessibleDescriptionRole: _tooltip,
    HIT_ROLE: lambda entry: entry if isinstance(entry, Hit) else None,
    PHOTO_ROLE: photo_of,
    PATH_ROLE: lambda entry: photo_of(entry).path,
    SCORE_ROLE: lambda entry: entry.score if isinstance(entry, Hit) else None,
}


def _when(photo: Photo) -> str:
    """What days and order go by."""
    if photo.taken is not None:
        return f"Taken {_date(photo.taken)}"
    try:
        changed = datetime.fromtimestamp(photo.modified_ns // 10**9).astimezone()
    except (OverflowError, OSError, ValueError):  # longer ago than the system's clock knows
        return "No date taken"
    return f"File changed {_date(changed)}; no date taken"


def _date(taken: datetime) -> str:
    day, time = QDate(taken.year, taken.month, taken.day), QTime(taken.hour, taken.minute)
    locale = QLocale()
    clock = locale.toString(time, QLocale.FormatType.ShortFormat)
    return f"{locale.toString(day, 'd MMMM yyyy')}, {clock}"


def _oldest_last(entry: Hit | Photo) -> tuple[int, int]:
    """The catalogue's order: by its place in time (microseconds since 1970), then by id."""
    photo = photo_of(entry)
    if photo.taken is None:
        return (-(photo.modified_ns // 1000), -photo.id)
    return (-((photo.taken - _EPOCH) // timedelta(microseconds=1)), -photo.id)


def _is_hidden(character: str) -> bool:
    """Control, surrogate and line characters, and those that turn the direction of writing."""
    kind = unicodedata.category(character)
    turns = unicodedata.bidirectional(character) in _TURNING
    return kind in {"Cc", "Cs", "Zl", "Zp"} or turns


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
