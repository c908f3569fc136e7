"""Linear feedback on the poses and velocities of what balances and what carries it: five gains and a dead band.

Along x and along y alike, the push is a weighted sum of the carrier's place and velocity, the pole's lean and its rate,
and how far the pole stands from the carrier's middle; a push below the dead band is left out. The gains are found by
the cross-entropy method (Rubinstein, 1999): candidates are drawn from a normal distribution and tried, and the best
of them say where the next ones are drawn.
"""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from control_bench.controllers.base import Learner, Transitions
from control_bench.settings import require, require_positive

FIRST, SPREAD = np.array([[0.0, 0.3, 3.0, 0.5, 0.0, 0.05], [0.5, 0.5, 4.0, 1.0, 3.0, 0.1]])
"""Where the first candidates are drawn, mean and standard deviation: gains per m, m/s, rad, rad/s and m, in shares of
the largest push, and the dead band. Velocities are told by two readings 1/48 s apart."""
READINGS_APART = 5.0 / 240.0
"""s: what the gains on rates are scaled by; with other readings they are found accordingly."""


@dataclass(frozen=True)
class LinearSettings:
    """Attributes: candidates, in a generation; episodes that each is tried for; elite: the share of them that the next
    are drawn like; keep: the share of the last distribution that is kept."""

    candidates: int = 24
    episodes: int = 6
    elite: float = 0.25
    keep: float = 0.2

    def __post_init__(self) -> None:
        require_positive(self, "candidates", "episodes")
        require(0 < self.elite <= 1, "elite should be above 0 and at most 1")
        require(0 <= self.keep < 1, "keep should be 0 or more and below 1")
        require(self.candidates * self.elite >= 2, "candidates and elite should leave two candidates or more")


def features(poses: np.ndarray) -> np.ndarray:
    """What the gains are of (rows, 5, 2), along x and y, of poses (rows, readings, 2, 7)."""
    before, now = poses[:, -2], poses[:, -1]
    lean_before, lean = lean_of(before[:, 1, 3:]), lean_of(now[:, 1, 3:])
    velocity = (now[:, 0, :2] - before[:, 0, :2]) / READINGS_APART
    rate = (lean - lean_before) / READINGS_APART
    return np.stack([now[:, 0, :2], velocity, lean, rate, now[:, 1, :2] - now[:, 0, :2]], axis=1)


def lean_of(quaternions: np.ndarray) -> np.ndarray:
    """How far a body's own z axis points along x and y (rows, 2), of quaternions (rows, 4) x y z w."""
    x, y, z, w = quaternions.T
    return 2.0 * np.stack([x * z + y * w, y * z - x * w], axis=1)


class Linear(Learner):
    """For pose observations of two readings or more, with two pushes or five (none, +x, -x, +y, -y)."""

    Settings = LinearSettings

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.mean, self.deviation = FIRST.copy(), SPREAD.copy()
        self.generation, self.steps = 0, 0
        self._draw()
        self._rows = np.zeros((0, 3))  # of every row: its generation, its candidate, what it earned so far

    @classmethod
    def refuses(cls, observation_space, action_space):
        shape = getattr(observation_space, "shape", None)
        if not isinstance(observation_space, spaces.Box) or len(shape) != 3 or shape[0] < 2 or shape[1:] != (2, 7):
            return f"it wants poses (2 readings or more, 2 bodies, 7), not {observation_space}: set observation: poses"
        if not (isinstance(action_space, spaces.Box) and action_space.shape == (2,)):
            if not (isinstance(action_space, spaces.Discrete) and action_space.n == 5):
                return f"it wants pushes along x and y, not {action_space}: take balance"
        return None

    def _draw(self) -> None:
        """New candidates; the first of them is the mean."""
        s = self.settings
        self._candidates = self.mean + self.deviation * self.rng.standard_normal((s.candidates, len(self.mean)))
        self._candidates[0] = self.mean
        self._earned, self._tried, self._begun = np.zeros(s.candidates), np.zeros(s.candidates), np.zeros(s.candidates)

    def _push(self, observation: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Actions (rows, ...) by gains (rows, 6)."""
        push = np.clip(np.einsum("ri,rij->rj", gains[:, :5], features(observation)), -1.0, 1.0)
        push[np.abs(push) < np.abs(gains[:, 5:])] = 0.0
        if isinstance(self.action_space, spaces.Box):
            return push.astype(self.action_space.dtype)
        axis = np.abs(push).argmax(axis=1)
        largest = push[np.arange(len(push)), axis]
        return np.where(largest == 0.0, 0, 1 + 2 * axis + (largest < 0.0))

    def greedy(self, observation: np.ndarray) -> np.ndarray:
        return self._push(observation, np.broadcast_to(self.mean, (len(observation), len(self.mean))))

    def explore(self, observation: np.ndarray) -> np.ndarray:
        """Every row tries a candidate for the length of an episode."""
        if len(self._rows) != len(observation):
            self._rows = np.zeros((len(observation), 3))
            for row in range(len(observation)):
                self._assign(row)
        return self._push(observation, self._candidates[self._rows[:, 1].astype(int)])

    def _assign(self, row: int) -> None:
        candidate = int(self._begun.argmin())
        self._begun[candidate] += 1
        self._rows[row] = self.generation, candidate, 0.0

    def learn(self, transitions: Transitions) -> None:
        t = transitions
        self.steps += int(t.valid.sum())
        self._rows[:, 2] = np.where(t.valid, self._rows[:, 2] + t.reward, 0.0)
        for row in np.flatnonzero((t.terminated | t.truncated) & t.valid):
            generation, candidate, earned = self._rows[row]
            if generation == self.generation:
                self._earned[int(candidate)] += earned
                self._tried[int(candidate)] += 1
                if (self._tried >= self.settings.episodes).all():
                    self._select()
            self._assign(row)

    def _select(self) -> None:
        s = self.settings
        best = np.argsort(-self._earned / self._tried, kind="stable")[: round(s.elite * s.candidates)]
        elite = self._candidates[best]
        self.mean = s.keep * self.mean + (1.0 - s.keep) * elite.mean(axis=0)
        self.deviation = s.keep * self.deviation + (1.0 - s.keep) * elite.std(axis=0)
        self.generation += 1
        self._draw()

    def metrics(self) -> dict[str, float]:
        norms = {"norm/variable/mean": self.mean, "norm/variable/deviation": self.deviation}
        return {"generation": self.generation} | {name: float(np.linalg.norm(one)) for name, one in norms.items()}

    def get_policy(self) -> dict:
        return {"gains": self.mean.copy()}

    def set_policy(self, policy: dict) -> None:
        self.mean = np.array(policy["gains"], dtype=float)

    def get_state(self) -> dict:
        return {
            "policy": self.get_policy(),
            "deviation": self.deviation.copy(),
            "candidates": self._candidates.copy(),
            "counts": np.array([self._earned, self._tried, self._begun]),
            "rows": self._rows.copy(),
            "generation": self.generation,
            "steps": self.steps,
            "rng": self.rng.bit_generator.state,
        }

    def set_state(self, state: dict) -> None:
        self.set_policy(state["policy"])
        self.deviation, self._candidates = np.array(state["deviation"]), np.array(state["candidates"])
        self._earned, self._tried, self._begun = np.array(state["counts"])
        self._rows, self.generation, self.steps = np.array(state["rows"]), state["generation"], state["steps"]
        self.rng.bit_generator.state = state["rng"]
