"""What was seen in the last steps, for controllers that see several steps at once."""

import numpy as np


class History:
    """The last steps of every row side by side, oldest first; an episode's first one stands for those before it.

    Args:
        length: steps. shape: of what is seen in one. axis: along which they lie, of arrays (rows, *shape).

    Attributes:
        values: (rows, length, *shape).
    """

    def __init__(self, rows: int, length: int, shape: tuple[int, ...], dtype: np.dtype, axis: int = -1) -> None:
        self.values, self._axis = np.zeros((rows, length, *shape), dtype=dtype), axis

    def push(self, latest: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Takes in what is seen now (rows, *shape), and gives it beside what was. first: where episodes begin, bool
        (rows,)."""
        if self.values.shape[1] == 1:
            return latest
        self.values[:, :-1] = self.values[:, 1:]
        self.values[:, -1] = latest
        self.values[first] = latest[first][:, None]
        return np.concatenate(list(self.values.swapaxes(0, 1)), axis=self._axis)
