"""The arithmetic of the grid, for any size of window, cell and library."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRect

from mmsearch_desktop.ui.results_grid import Grid

GRIDS = st.builds(
    Grid,
    count=st.integers(0, 500),
    width=st.integers(0, 3000),
    cell_width=st.integers(20, 400),
    cell_height=st.integers(20, 400),
    margin=st.integers(0, 20),
    right_to_left=st.booleans(),
)


def test_a_plain_grid() -> None:
    grid = Grid(count=7, width=320, cell_width=100, cell_height=50, margin=10)
    assert (grid.columns, grid.lines, grid.height) == (3, 3, 170)
    assert grid.cell(0) == QRect(10, 10, 100, 50)
    assert grid.cell(5) == QRect(210, 60, 100, 50)
    assert grid.cell(7).isEmpty()
    assert grid.row_at(215, 65) == 5
    assert grid.row_at(5, 65) is None
    assert grid.row_at(215, 115) is None
    assert grid.nearest_row(315, 115) == 6
    assert grid.rows_between(0, 60) == range(3)
    assert grid.rows_between(0, 61) == range(6)
    assert grid.rows_in(QRect(0, 0, 150, 70)) == [range(2), range(3, 5)]


def test_the_first_is_right_where_one_reads_from_right_to_left() -> None:
    grid = Grid(count=4, width=300, cell_width=100, cell_height=50, right_to_left=True)
    assert grid.cell(0).left() == 200
    assert grid.cell(2).left() == 0
    assert grid.row_at(250, 20) == 0


def test_an_empty_grid() -> None:
    grid = Grid(count=0, width=300, cell_width=100, cell_height=50, margin=10)
    assert grid.height == 0
    assert grid.row_at(20, 20) is None
    assert grid.nearest_row(20, 20) is None
    assert grid.rows_between(0, 500) == range(0)
    assert grid.rows_in(QRect(0, 0, 500, 500)) == []


@given(GRIDS)
def test_a_photo_is_found_where_it_lies(grid: Grid) -> None:
    for row in range(grid.count):
        middle = grid.cell(row).center()
        assert grid.row_at(middle.x(), middle.y()) == row
        assert grid.nearest_row(middle.x(), middle.y()) == row
        assert row in grid.rows_between(middle.y(), middle.y() + 1)


@given(GRIDS)
def test_cells_do_not_overlap_and_lie_inside(grid: Grid) -> None:
    whole = QRect(0, 0, max(grid.width, grid.cell_width + 2 * grid.margin), grid.height)
    line = [grid.cell(row) for row in range(min(grid.count, 2 * grid.columns))]
    for place, cell in enumerate(line):
        assert whole.contains(cell) or grid.columns == 1
        assert not any(cell.intersects(other) for other in line[:place])


@given(GRIDS, st.integers(-100, 3000), st.integers(-100, 5000), st.integers(1, 900))
def test_what_shows_is_what_touches(grid: Grid, x: int, y: int, side: int) -> None:
    area = QRect(x, y, side, side)
    touched = [row for row in range(grid.count) if grid.cell(row).intersects(area)]
    assert [row for part in grid.rows_in(area) for row in part] == touched
    assert set(touched) <= set(grid.rows_between(y, y + side))
