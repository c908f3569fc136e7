"""What makes an arm's life harder: a force field on the hand, noise on torques and sensors, sensors that lag.

Each is a small object; an arm's world is given those that its settings name.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

VELOCITY_FIELD = np.array([[-10.1, -11.1], [-11.2, 11.1]])
"""N s/m: the force on a hand per velocity; Shadmehr and Mussa-Ivaldi's (1994), as studywolf's control suite has it."""


@dataclass(frozen=True)
class ForceField:
    """A force on the hand in proportion to its velocity in the x-y plane."""

    scale: float = 1.0

    def torque(self, jacobian: np.ndarray, v: np.ndarray) -> np.ndarray:
        """What it does to the joints (n,), for a hand's Jacobian (2 or 3, n) and joint rates (n,)."""
        plane = jacobian[:2]
        return plane.T @ (self.scale * VELOCITY_FIELD @ (plane @ v))


@dataclass(frozen=True)
class Noise:
    """Normal noise that is drawn anew for every value; standard deviations in the values' units."""

    deviation: float | np.ndarray

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return rng.standard_normal(size) * self.deviation


@njit(cache=True)
def _push(past, values, active):
    for row in range(len(past)):
        if active[row]:
            for step in range(past.shape[1] - 1):
                past[row, step] = past[row, step + 1]
            past[row, -1] = values[row]


class Delay:
    """Rows of values as they were some steps ago; before that, as they were at first."""

    def __init__(self, steps: int, rows: int, width: int) -> None:
        self._past = np.zeros((rows, steps + 1, width))

    def restart(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Some rows (k,) begin with values (k, width)."""
        self._past[rows] = values[:, None]

    def push(self, values: np.ndarray, active: np.ndarray) -> None:
        """A step on, in the active rows; values (rows, width)."""
        _push(self._past, values, active)

    @property
    def values(self) -> np.ndarray:
        """(rows, width)."""
        return self._past[:, 0]

    def get_state(self) -> np.ndarray:
        return self._past.copy()

    def set_state(self, state: np.ndarray) -> None:
        self._past[:] = state
