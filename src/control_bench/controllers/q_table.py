"""Q-learning with a table, started optimistic so that what is untried is tried.

Source: drivebot (matpalm's blog, 2016); Watkins (1989). Values start at 10 + 3 U(0, 1); the update is
Q ← (1 - lr) Q + lr (r + gamma max Q'), the article's code (its text swaps the two weights).
"""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from control_bench.controllers.base import Learner, Transitions, refuse_unless
from control_bench.learning.exploration import ExplorationSettings, pick
from control_bench.settings import require


@dataclass(frozen=True)
class QTableSettings(ExplorationSettings):
    """Attributes: learning_rate; discount (gamma); optimism and optimism_spread, of the values that states start with."""

    learning_rate: float = 0.1
    discount: float = 0.9
    optimism: float = 10.0
    optimism_spread: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.learning_rate <= 1, "learning_rate should be above 0 and at most 1")
        require(0 <= self.discount <= 1, "discount should be 0 to 1")


class QTable(Learner):
    """For MultiDiscrete observations and Discrete actions."""

    Settings = QTableSettings

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._rows: dict[tuple[int, ...], int] = {}
        self._values = np.zeros((0, int(self.action_space.n)))
        self._steps = 0
        self._errors: list[float] = []

    @classmethod
    def refuses(cls, observation_space, action_space):
        return refuse_unless(observation_space, action_space, spaces.MultiDiscrete, spaces.Discrete)

    def _index(self, observation: np.ndarray) -> int:
        """The state's row in the table; a new state gets one, with optimistic values."""
        key = tuple(observation.tolist())
        index = self._rows.get(key)
        if index is None:
            index = self._rows[key] = len(self._rows)
            spread = self.settings.optimism_spread * self.rng.random(self._values.shape[1])
            self._values = np.vstack([self._values, self.settings.optimism + spread])
        return index

    def greedy(self, observation: np.ndarray) -> np.ndarray:
        """The best known actions (rows,); in a state never met, the first."""
        indices = [self._rows.get(tuple(one)) for one in observation.tolist()]
        return np.array([0 if index is None else int(self._values[index].argmax()) for index in indices])

    def explore(self, observation: np.ndarray) -> np.ndarray:
        indices = [self._index(one) for one in observation]
        return pick(self._values[indices], self.settings, self._steps, self.rng)

    def learn(self, transitions: Transitions) -> None:
        t, s = transitions, self.settings
        for row in np.flatnonzero(t.valid):
            here, there = self._index(t.observation[row]), self._index(t.next_observation[row])
            ahead = 0.0 if t.terminated[row] else s.discount * self._values[there].max()
            error = t.reward[row] + ahead - self._values[here, t.action[row]]
            self._values[here, t.action[row]] += s.learning_rate * error
            self._errors.append(abs(error))
            self._steps += 1

    def metrics(self) -> dict[str, float]:
        metrics = {
            "explore": self.settings.strength(self._steps),
            "q_table/states": len(self._rows),
            "norm/variable/values": float(np.linalg.norm(self._values)),
        }
        if self._errors:
            metrics["td_error"] = float(np.mean(self._errors))
        self._errors.clear()
        return metrics

    def get_policy(self) -> dict:
        width = self.observation_space.shape[0]
        return {"states": np.array(list(self._rows), dtype=np.int64).reshape(-1, width), "values": self._values.copy()}

    def set_policy(self, policy: dict) -> None:
        self._rows = {tuple(state): index for index, state in enumerate(policy["states"].tolist())}
        self._values = np.array(policy["values"])

    def get_state(self) -> dict:
        return {"policy": self.get_policy(), "steps": self._steps, "rng": self.rng.bit_generator.state}

    def set_state(self, state: dict) -> None:
        self.set_policy(state["policy"])
        self._steps = state["steps"]
        self.rng.bit_generator.state = state["rng"]
