"""The clearance table keeps its promise, measured place by place against every wall and edge, and wastes little."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from control_bench.worlds.clearance import clearance
from control_bench.worlds.kernels import FINE, UNITS, WALL


def gap(low, high, other_low, other_high):
    """The gap between two stretches of a line, 0 where they meet."""
    return max(low - other_high, other_low - high, 0.0)


def room(cells, row, column):
    """The distance, in cells, from the square of a place to the nearest wall's square or to what is off the map."""
    height, width = cells.shape
    x, y, side = column / FINE, row / FINE, 1.0 / FINE
    edges = min(x, y, width - x - side, height - y - side)
    walls = [
        np.hypot(gap(x, x + side, c, c + 1.0), gap(y, y + side, r, r + 1.0))
        for r, c in np.argwhere(cells > 70).tolist()
    ]
    return min([edges, *walls])


@settings(deadline=None, max_examples=60)
@given(
    cells=arrays.arrays(
        np.int8,
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.sampled_from([100, 71, 70, 0, -1]),
        fill=st.just(0),
    )
)
def test_what_is_nearer_than_the_table_says_is_free_and_on_the_map(cells):
    table = clearance(cells)
    assert table.shape == (FINE * cells.shape[0], FINE * cells.shape[1]) and table.dtype == np.uint8
    for row, column in np.ndindex(table.shape):
        if cells[row // FINE, column // FINE] > 70:
            assert table[row, column] == WALL
            continue
        # Never more than there is, or a ray would skip a wall; within one unit of it, or the table would be of no use.
        promised = (table[row, column] - 1.0) / UNITS
        assert 0.0 <= promised <= room(cells, row, column) + 1e-9
        assert promised > room(cells, row, column) - 1.0 / UNITS - 1e-9


def test_the_greatest_promise_fits_the_table():
    table = clearance(np.zeros((300, 300), np.int8))
    assert table.max() == 255 == table[300, 300]
