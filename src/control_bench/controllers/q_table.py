"""Q-learning with a table, started optimistic so that what is untried is tried.

Source: drivebot (matpalm's blog, 2016); Watkins (1989). Values start at 10 + 3 U(0, 1); the update is
Q ← (1 - lr) Q + lr (r + gamma max Q'), the article's code (its text swaps the two weights). `replays` learns again from
steps of the past after every step (Dyna-Q with remembered steps for its model; Sutton, 1990), which makes ten episodes
go a long way.
"""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from control_bench.controllers.base import Learner, Transitions, refuse_unless
from control_bench.learning.exploration import ExplorationSettings, pick
from control_bench.settings import require


@dataclass(frozen=True)
class QTableSettings(ExplorationSettings):
    """Attributes, beside those of the exploration:

    learning_rate; discount: gamma. optimism, optimism_spread: of the values that states start with.
    replays: steps of the past, drawn evenly, that are learned from again after every step.
    """

    learning_rate: float = 0.1
    discount: float = 0.9
    optimism: float = 10.0
    optimism_spread: float = 3.0
    replays: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.learning_rate <= 1, "learning_rate should be above 0 and at most 1")
        require(0 <= self.discount <= 1, "discount should be 0 to 1")
        require(self.replays >= 0, "replays should be 0 or more")


class QTable(Learner):
    """For MultiDiscrete observations and Discrete actions."""

    Settings = QTableSettings

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._rows: dict[tuple[int, ...], int] = {}
        self._values = np.zeros((0, int(self.action_space.n)))
        self._steps = 0
        self._past = np.zeros((1024, 3), dtype=np.int64)  # state, action, next state; -1 where nothing lies ahead
        self._past_rewards = np.zeros(1024)
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
        t = transitions
        for row in np.flatnonzero(t.valid):
            here, there = self._index(t.observation[row]), self._index(t.next_observation[row])
            step = here, int(t.action[row]), -1 if t.terminated[row] else there
            self._update(np.array([step]), np.array([float(t.reward[row])]))
            if self.settings.replays:
                self._remember(step, float(t.reward[row]))
            self._steps += 1
            if self.settings.replays:
                again = self.rng.integers(0, self._steps, self.settings.replays)
                self._update(self._past[again], self._past_rewards[again])

    def _update(self, steps: np.ndarray, rewards: np.ndarray) -> None:
        """One step towards the target for each of steps (n, 3) with rewards (n,), all from the values as they are."""
        s, (here, action, there) = self.settings, steps.T
        ahead = np.where(there < 0, 0.0, s.discount * self._values[there].max(axis=1))
        errors = rewards + ahead - self._values[here, action]
        # A step that is drawn several times moves its value towards the target so many times, never past it.
        counts, sums = np.zeros_like(self._values), np.zeros_like(self._values)
        np.add.at(counts, (here, action), 1.0)
        np.add.at(sums, (here, action), errors)
        drawn = counts > 0
        share = 1.0 - (1.0 - s.learning_rate) ** counts[drawn]
        self._values[drawn] += share * sums[drawn] / counts[drawn]
        self._errors.append(float(np.abs(errors).mean()))

    def _remember(self, step: tuple[int, int, int], reward: float) -> None:
        if self._steps == len(self._past):
            self._past = np.concatenate([self._past, np.zeros_like(self._past)])
            self._past_rewards = np.concatenate([self._past_rewards, np.zeros_like(self._past_rewards)])
        self._past[self._steps], self._past_rewards[self._steps] = step, reward

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
        return {
            "policy": self.get_policy(),
            "steps": self._steps,
            "errors": list(self._errors),
            "past": self._past.copy(),
            "past_rewards": self._past_rewards.copy(),
            "rng": self.rng.bit_generator.state,
        }

    def set_state(self, state: dict) -> None:
        self.set_policy(state["policy"])
        self._steps = state["steps"]
        self._errors = list(state["errors"])
        self._past, self._past_rewards = np.array(state["past"]), np.array(state["past_rewards"])
        self.rng.bit_generator.state = state["rng"]
