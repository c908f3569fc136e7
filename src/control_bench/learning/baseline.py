"""What a return is expected to be, as a linear function of what is seen and of the time since the episode began: so an
action is judged by what it changed (the baseline of Duan et al., 2016)."""

import numpy as np

RIDGE = 1e-5
FURTHEST = 10.0
"""Features are cut there: what lies far out would bend the whole function."""
LONG = 100.0
"""Steps that count as 1."""


class LinearBaseline:
    """Foresees one batch by those before it: what was drawn has no part in what it is measured from.

    Attributes:
        weights: of the terms below (terms,), None before the first fit.
    """

    def __init__(self) -> None:
        self.weights: np.ndarray | None = None

    @staticmethod
    def terms(features: np.ndarray, elapsed: np.ndarray) -> np.ndarray:
        """Of features (count, width) and steps since the episode began (count,): the features and their squares, three
        powers of time, and 1 (count, terms)."""
        features, time = features.astype(np.float64).clip(-FURTHEST, FURTHEST), elapsed[:, None] / LONG
        return np.hstack([features, features**2, time, time**2, time**3, np.ones_like(time)])

    def foresee(self, features: np.ndarray, elapsed: np.ndarray) -> np.ndarray:
        """Expected returns (count,); 0 before the first fit."""
        return np.zeros(len(elapsed)) if self.weights is None else self.terms(features, elapsed) @ self.weights

    def fit(self, features: np.ndarray, elapsed: np.ndarray, earned: np.ndarray) -> None:
        """Takes its weights from returns (count,), by least squares."""
        terms = self.terms(features, elapsed)
        square = terms.T @ terms + RIDGE * len(terms) * np.eye(terms.shape[1])
        self.weights = np.linalg.solve(square, terms.T @ earned)
