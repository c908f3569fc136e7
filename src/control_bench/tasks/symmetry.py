"""What one step teaches of others: where a task is the same seen in a mirror, so is every step of it.

A symmetry changes observations and actions, number by number: each becomes another one, or its negative. Learners can
learn from a step as it was, or as it would have been in the mirror (Wang et al., 2022).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Symmetries:
    """All of a task's, the first that changes nothing.

    Attributes:
        observation, observation_signs: (count, numbers) which number of the flat observation each one becomes, and
            with which sign. action, action_signs: the same of a Box's actions; of Discrete ones (count, n), which
            action each becomes, and no signs.
    """

    observation: np.ndarray
    observation_signs: np.ndarray
    action: np.ndarray
    action_signs: np.ndarray | None

    def observations(self, values: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Observations (count, ...) as the symmetries `which` (count,) show them."""
        return _moved(values, self.observation[which], self.observation_signs[which])

    def actions(self, values: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Actions (count, ...), alike."""
        if self.action_signs is None:
            return self.action[which, values]
        return _moved(values, self.action[which], self.action_signs[which])


def _moved(values: np.ndarray, places: np.ndarray, signs: np.ndarray) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    moved = signs * np.take_along_axis(flat, places, axis=1)
    return moved.astype(values.dtype).reshape(values.shape)


def of_a_square(bodies: int, pushes: np.ndarray | None) -> Symmetries:
    """A square field seen in mirrors along its axes and its diagonals, one after another: eight ways in all.

    What x and y were, is swapped or changes its sign. A quaternion's x y z is the axis of a turn, which goes the other
    way round in a mirror.

    Args:
        bodies: whose poses (x y z, quaternion x y z w) are observed. pushes: (n, 2) along x and y, of discrete actions;
            None where an action is itself a push (2,).
    """
    places, signs, shares, share_signs, choices = [], [], [], [], []
    for swap in (False, True):
        first, second = (1, 0) if swap else (0, 1)
        for x, y in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            handed = x * y * (-1 if swap else 1)
            pose = [first, second, 2, 3 + first, 3 + second, 5, 6]
            sign = [x, y, 1, handed * x, handed * y, handed, 1]
            places.append([7 * body + place for body in range(bodies) for place in pose])
            signs.append(sign * bodies)
            shares.append([first, second])
            share_signs.append([x, y])
            if pushes is not None:
                moved = pushes[:, [first, second]] * [x, y]
                choices.append([int(np.flatnonzero((pushes == push).all(axis=1))[0]) for push in moved])
    if pushes is not None:
        return Symmetries(np.array(places), np.array(signs), np.array(choices), None)
    return Symmetries(np.array(places), np.array(signs), np.array(shares), np.array(share_signs))
