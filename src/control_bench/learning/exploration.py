"""How a learner picks an action to learn from, given its values.

`weighted`: in proportion to the values raised to rho, annealed; rho near 0 picks evenly, rho = 50 all but the best
(drivebot, matpalm's blog, 2016). `epsilon`: the best one, or with probability epsilon any (Watkins, 1989).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from control_bench.settings import require


@dataclass(frozen=True)
class ExplorationSettings:
    """Attributes: explore_by, the rule; its rho or epsilon goes from explore_start to explore_end in explore_steps."""

    explore_by: Literal["weighted", "epsilon"] = "epsilon"
    explore_start: float = 1.0
    explore_end: float = 0.05
    explore_steps: int = 10_000

    def __post_init__(self) -> None:
        require(self.explore_steps >= 0, "explore_steps should be 0 or more")
        top = 1.0 if self.explore_by == "epsilon" else np.inf
        for name in ("explore_start", "explore_end"):
            require(
                0.0 <= getattr(self, name) <= top, f"{name} should be 0 to {top:g} with explore_by: {self.explore_by}"
            )

    def strength(self, step: int) -> float:
        """rho or epsilon after so many steps."""
        return annealed(self.explore_start, self.explore_end, self.explore_steps, step)


def annealed(start: float, end: float, steps: int, step: int) -> float:
    """What goes in a line from start to end in so many steps, and stays there, after `step` of them."""
    share = min(1.0, step / steps) if steps else 1.0
    return start + share * (end - start)


def weighted_pick_probabilities(values: np.ndarray, rho: float) -> np.ndarray:
    """Probabilities (rows, actions) in proportion to values**rho; rows with a negative value are lifted above 0
    first."""
    lowest = values.min(axis=1, keepdims=True)
    lifted = np.where(lowest < 0, values - lowest + 1e-3, values)
    highest = lifted.max(axis=1, keepdims=True)
    weights = np.where(highest > 0, lifted / np.where(highest > 0, highest, 1.0), 1.0) ** rho
    return weights / weights.sum(axis=1, keepdims=True)


def pick(values: np.ndarray, settings: ExplorationSettings, step: int, rng: np.random.Generator) -> np.ndarray:
    """Actions (rows,) for values (rows, actions). Every call draws the same count of numbers, whatever it picks."""
    rows, actions = values.shape
    draws = rng.random((rows, 2))
    strength = settings.strength(step)
    if settings.explore_by == "epsilon":
        anything = np.minimum((draws[:, 1] * actions).astype(int), actions - 1)
        return np.where(draws[:, 0] < strength, anything, values.argmax(axis=1))
    cumulative = weighted_pick_probabilities(values, strength).cumsum(axis=1)
    return np.minimum((draws[:, :1] >= cumulative).sum(axis=1), actions - 1)


@dataclass(frozen=True)
class NoiseSettings:
    """Of actions that are numbers, in shares of half their range.

    Attributes:
        noise: normal, each step's by itself, or ou, which wanders (Ornstein-Uhlenbeck; Lillicrap et al., 2016).
        noise_start, noise_end: its standard deviation, which goes from one to the other in noise_steps.
        noise_return: of ou, the share of the way back to 0 in a step (theta).
    """

    noise: Literal["normal", "ou"] = "normal"
    noise_start: float = 0.3
    noise_end: float = 0.1
    noise_steps: int = 50_000
    noise_return: float = 0.15

    def __post_init__(self) -> None:
        require(self.noise_steps >= 0, "noise_steps should be 0 or more")
        require(self.noise_start >= 0 and self.noise_end >= 0, "noise_start and noise_end should be 0 or more")
        require(0 < self.noise_return <= 1, "noise_return should be above 0 and at most 1")


class ActionNoise:
    """Noise (rows, numbers) for the actions of parallel episodes; what wanders begins at 0 in every episode."""

    def __init__(self, settings: NoiseSettings, numbers: int) -> None:
        self.settings, self._state = settings, np.zeros((0, numbers))

    def deviation(self, step: int) -> float:
        """After so many steps."""
        s = self.settings
        return annealed(s.noise_start, s.noise_end, s.noise_steps, step)

    def draw(self, rows: int, step: int, rng: np.random.Generator) -> np.ndarray:
        s, drawn = self.settings, rng.standard_normal((rows, self._state.shape[1]))
        if s.noise == "normal":
            return self.deviation(step) * drawn
        if len(self._state) != rows:
            self._state = np.zeros_like(drawn)
        # Its own spread is then 1, whatever the share that it goes back.
        self._state = (1.0 - s.noise_return) * self._state + np.sqrt(s.noise_return * (2.0 - s.noise_return)) * drawn
        return self.deviation(step) * self._state

    def end(self, ended: np.ndarray) -> None:
        """Rows whose episode has ended, bool (rows,), begin again."""
        if len(self._state) == len(ended):
            self._state[ended] = 0.0

    def get_state(self) -> np.ndarray:
        return self._state.copy()

    def set_state(self, state: np.ndarray) -> None:
        self._state = np.array(state)
