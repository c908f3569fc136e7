"""Targets that are shown to a hand one after the other, and the rule for "there": the apparatus of a reaching test.

A target is over once the hand has been there for long enough, or after a time. The hand is there while
sum |x - x*| + sum |q'| is below a threshold (m and rad/s added up), studywolf's rule.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _update(points, leg, steps, reached, still, hands, rates, active, seen, threshold, limit, hold, ended):
    for row in range(len(leg)):
        shown = leg[row]
        if not active[row] or shown >= points.shape[1]:
            continue
        miss, gone = 0.0, False
        for i in range(points.shape[2]):
            miss += abs(hands[row, i] - points[row, shown, i])
            gone |= len(seen) > 0 and seen[row, i] != points[row, shown, i]
        for i in range(rates.shape[1]):
            miss += abs(rates[row, i])
        steps[row] += 1
        still[row] = still[row] + 1 if miss < threshold else 0
        reached[row, shown] = still[row] > hold
        if gone and steps[row] < 0.9 * limit:  # else some steps were not seen, and the time was up
            reached[row, shown] = True
        if reached[row, shown] or gone or steps[row] >= limit:
            ended[row] = True
            leg[row] += 1
            steps[row] = still[row] = 0


NOTHING = np.empty((0, 0))


class Targets:
    """The targets of many rows.

    Args:
        rows: of parallel episodes. count: targets of an episode. dimensions: of hand space.
        threshold: of the rule for "there". limit, hold: steps that a target is shown at most, and that the hand must
            stay there beyond the first.

    Attributes:
        points: (rows, count, dimensions), m. leg: the number of the target shown, `count` once all are over (rows,).
        steps: for how many steps it has been shown (rows,). reached: which were, (rows, count).
    """

    STATE = ("points", "leg", "steps", "reached", "_still")

    def __init__(self, rows: int, count: int, dimensions: int, threshold: float, limit: int, hold: int) -> None:
        self.count, self._threshold, self._limit, self._hold = count, threshold, limit, hold
        self.points = np.zeros((rows, count, dimensions))
        self.leg, self.steps, self._still = (np.zeros(rows, dtype=np.int64) for _ in range(3))
        self.reached = np.zeros((rows, count), dtype=bool)

    def reset(self, rows: np.ndarray, points: np.ndarray) -> None:
        """Shows some rows the first of new targets (k, count, dimensions)."""
        self.points[rows] = points
        self.leg[rows], self.steps[rows], self._still[rows], self.reached[rows] = 0, 0, 0, False

    def shown(self) -> np.ndarray:
        """The target of each row (rows, dimensions); the last one stays when all are over."""
        return self.points[np.arange(len(self.leg)), np.minimum(self.leg, self.count - 1)]

    @property
    def over(self) -> np.ndarray:
        """Rows with no target left, bool (rows,)."""
        return self.leg >= self.count

    def update(
        self, hands: np.ndarray, rates: np.ndarray, active: np.ndarray, shown: np.ndarray | None = None
    ) -> np.ndarray:
        """Takes in hands (rows, dimensions) and joint rates (rows, n) a step on; where a target got over, bool (rows,).

        shown: for those who only look on, what is shown now (rows, dimensions). Where that is another target already,
        the one before was reached, unless its time was up, though the step of it was not seen.
        """
        ended = np.zeros(len(self.leg), dtype=bool)
        seen = NOTHING if shown is None else shown
        state = (self.points, self.leg, self.steps, self.reached, self._still)
        _update(*state, hands, rates, active, seen, self._threshold, self._limit, self._hold, ended)
        return ended

    def get_state(self) -> dict:
        return {name: getattr(self, name).copy() for name in self.STATE}

    def set_state(self, state: dict) -> None:
        for name in self.STATE:
            getattr(self, name)[:] = state[name]
