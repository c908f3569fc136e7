"""How far from every place of a map is free: the table that lets rays and footprints skip most of their tests.

The table is FINE times as fine as the map, which halves what a place's extent costs in precision.
"""

import numpy as np
from scipy import ndimage

from control_bench.worlds.kernels import FINE, UNITS, WALL

OCCUPIED = 70
"""A cell above this value stops rays and robots; unknown cells (-1) do not (STDR's rule)."""


def clearance(cells: np.ndarray) -> np.ndarray:
    """For each place WALL if it is occupied, else 1 + k: points nearer than k / UNITS cells to any point of it are
    free.

    Free also means on the map, so that what the table promises never depends on what is beyond the edge.

    Args:
        cells: int8 (height, width), values of an occupancy grid.

    Returns:
        uint8 (FINE height, FINE width), k at most 254.
    """
    occupied = np.kron(cells > OCCUPIED, np.ones((FINE, FINE), dtype=bool))
    height, width = occupied.shape
    # Two points are at least as far apart as the squares that hold them: as the squares' centres, once one square is
    # grown by its neighbours.
    grown = ndimage.binary_dilation(occupied, np.ones((3, 3)))
    distance = ndimage.distance_transform_edt(~grown) if grown.any() else np.full(occupied.shape, np.inf)
    columns, rows = np.arange(width), np.arange(height)
    across, up = np.minimum(columns, width - 1 - columns), np.minimum(rows, height - 1 - rows)
    distance = np.minimum(distance, np.minimum(across[None, :], up[:, None]))
    return np.where(occupied, WALL, 1 + np.clip(np.floor(distance * UNITS / FINE), 0, 254)).astype(np.uint8)
