"""Where the cells of a uniform grid lie: arithmetic alone, so 100,000 rows cost what ten do.

"Row" is a row of the model (one photo); a "line" is a line of cells across the view. Coordinates
are of the whole grid: y = 0 is the top of the first line, whatever is scrolled.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of one size in as many columns as fit; what is left of the width goes between them."""

    count: int
    width: int  # of the view, pixels
    cell_width: int
    cell_height: int
    margin: int = 0  # around everything
    right_to_left: bool = False

    @property
    def columns(self) -> int:
        return max(1, (self.width - 2 * self.margin) // self.cell_width)

    @property
    def lines(self) -> int:
        return -(-self.count // self.columns)

    @property
    def height(self) -> int:
        return self.lines * self.cell_height + 2 * self.margin if self.count else 0

    def line_of(self, row: int) -> int:
        return row // self.columns

    def top_of(self, row: int) -> int:
        return self.margin + self.line_of(row) * self.cell_height

    def cell(self, row: int) -> QRect:
        """The rectangle of a photo; empty where there is no such row."""
        if not 0 <= row < self.count:
            return QRect()
        return QRect(self._left_of(row % self.columns), self.top_of(row), *self._size())

    def row_at(self, x: int, y: int) -> int | None:
        """The photo at this point; None beside, between and below the cells."""
        row = self.nearest_row(x, y)
        return row if row is not None and self.cell(row).contains(x, y) else None

    def nearest_row(self, x: int, y: int) -> int | None:
        """The photo whose place this point is nearest to; None where there is none at all."""
        if self.count == 0:
            return None
        line = min(max(0, (y - self.margin) // self.cell_height), self.lines - 1)
        return min(line * self.columns + self._column_at(x), self.count - 1)

    def rows_between(self, top: int, bottom: int) -> range:
        """All photos whose line shows between these two heights, `bottom` not included."""
        if self.count == 0 or bottom <= top:
            return range(0)
        first = max(0, (top - self.margin) // self.cell_height)
        last = (bottom - 1 - self.margin) // self.cell_height
        return range(
            min(self.count, first * self.columns),
            max(0, min(self.count, (last + 1) * self.columns)),
        )

    def rows_in(self, area: QRect) -> list[range]:
        """The photos whose cells touch this area, as one range for each line."""
        found: list[range] = []
        rows = self.rows_between(area.top(), area.bottom() + 1)
        for start in range(rows.start, rows.stop, self.columns):
            line = range(start, min(start + self.columns, self.count))
            touched = [row for row in line if self.cell(row).intersects(area)]
            if touched:
                found.append(range(touched[0], touched[-1] + 1))
        return found

    def _size(self) -> tuple[int, int]:
        return self.cell_width, self.cell_height

    def _room(self) -> float:
        """Width that one column has, its share of the space between cells included."""
        return (self.width - 2 * self.margin) / self.columns

    def _left_of(self, column: int) -> int:
        room = self._room()
        left = round(self.margin + column * room + max(0.0, room - self.cell_width) / 2)
        return self.width - left - self.cell_width if self.right_to_left else left

    def _column_at(self, x: int) -> int:
        from_start = self.width - 1 - x if self.right_to_left else x
        room = max(1.0, self._room())
        return min(max(0, int((from_start - self.margin) // room)), self.columns - 1)
