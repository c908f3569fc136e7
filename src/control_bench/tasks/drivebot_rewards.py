"""The three rewards of drivebot, by name. Source: drivebot (matpalm's blog, 2016): the first is the article's runs'."""

import numpy as np

CLOCKWISE = (22, 23, 24, 19, 14, 9, 4, 3, 2, 7, 12, 11, 10, 15, 20, 21)
"""The 2 m cells of the article's track, x + 5 y, in the order of driving round it."""


def any_movement(moved: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """+1 where the robot moved, whatever it was told; -1 where it was told to go forward and did not; else 0."""
    return np.where(moved, 1.0, np.where(forward, -1.0, 0.0))


def forward_only(moved: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """+1 or -1 for a step forward that did or did not move the robot; 0 for any other."""
    return np.where(forward, np.where(moved, 1.0, -1.0), 0.0)


class CoarseGrid:
    """Progress round the track by 2 m cells: +2 for the next cell, -2 for the one before, -1 for standing still.

    A jump (any other cell) earns nothing and is counted from anew.
    """

    def __init__(self, rows: int) -> None:
        self.cell = np.full(rows, -1)
        self.net = np.zeros(rows, dtype=np.int64)
        self._place = np.full(25, -1)
        self._place[list(CLOCKWISE)] = np.arange(len(CLOCKWISE))

    def step(self, position: np.ndarray, moved: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Rewards (rows,) for positions (rows, 2), m; `net` counts the cells gained since the episode began."""
        column, row = np.floor(position / 2.0).astype(int).T
        on_map = (column >= 0) & (column < 5) & (row >= 0) & (row < 5)
        cell = np.where(on_map, self._place[np.where(on_map, column + 5 * row, 0)], -1)
        known = (cell >= 0) & (self.cell >= 0) & ~first
        change = (cell - self.cell) % len(CLOCKWISE)
        gained = np.where(known & (change == 1), 1, np.where(known & (change == len(CLOCKWISE) - 1), -1, 0))
        still = known & (change == 0) & ~moved
        self.cell = cell
        self.net = np.where(first, 0, self.net + gained)
        return 2.0 * gained - still
