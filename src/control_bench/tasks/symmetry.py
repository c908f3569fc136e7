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
