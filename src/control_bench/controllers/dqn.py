"""Deep Q-learning (Mnih et al., 2015), with the parts that became its standard as settings.

Double (van Hasselt et al., 2016), dueling (Wang et al., 2016), n-step and prioritised replay (Schaul et al., 2016),
hard or soft target updates. The preset `article` is drivebot's (matpalm's blog, 2016): three sigmoid units, plain
gradient descent, each gradient clipped to norm 10, and no regard for terminal steps.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from gymnasium import spaces
from torch.nn import functional as F

from control_bench.controllers.base import Learner, Transitions, refuse_unless
from control_bench.learning.exploration import ExplorationSettings, pick
from control_bench.learning.networks import (
    QNetwork,
    get_optimiser,
    get_variables,
    norms,
    seeded,
    set_optimiser,
    set_variables,
)
from control_bench.learning.replay import Replay
from control_bench.settings import require, require_positive


@dataclass(frozen=True)
class DQNSettings(ExplorationSettings):
    """What can be set; "steps" are environment steps, counted over all rows.

    Attributes:
        hidden, activation: layers of the network. dueling: value and advantage heads. double: pick the next action by
            the trained network, value it by the target network.
        optimiser, learning_rate; loss: of the TD error; clip_gradient: the largest norm of each gradient, 0 for any.
        discount: gamma. n_step: rewards before the value behind them. bootstrap_terminal: count a value behind the end.
        batch: steps in an update. learn_start: steps before the first one; update_every: steps between two.
        target_every: updates between copies to the target network; target_rate: the share copied (1: all of it).
        replay: steps remembered. priority: exponent of prioritised replay, 0 for none; importance: its beta at the
            start, which reaches 1 after importance_steps.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    dueling: bool = False
    double: bool = True
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    loss: Literal["huber", "squared"] = "huber"
    clip_gradient: float = 10.0
    discount: float = 0.99
    n_step: int = 1
    bootstrap_terminal: bool = False
    batch: int = 128
    learn_start: int = 1000
    update_every: int = 4
    target_every: int = 500
    target_rate: float = 1.0
    replay: int = 100_000
    priority: float = 0.0
    importance: float = 0.4
    importance_steps: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        positive = ("learning_rate", "n_step", "batch", "update_every", "target_every", "replay", "importance_steps")
        require_positive(self, *positive)
        require(self.learn_start >= 0, "learn_start should be 0 or more")
        require(all(units > 0 for units in self.hidden), "hidden should be layer sizes above 0")
        require(self.clip_gradient >= 0, "clip_gradient should be 0 (none) or more")
        require(0 <= self.discount <= 1, "discount should be 0 to 1")
        require(0 < self.target_rate <= 1, "target_rate should be above 0 and at most 1")
        require(0 <= self.priority <= 1 and 0 <= self.importance <= 1, "priority and importance should be 0 to 1")


class DQN(Learner):
    """For Box observations of one axis and Discrete actions."""

    Settings = DQNSettings

    def __init__(self, observation_space, action_space, settings=None, seed: int = 0) -> None:
        super().__init__(observation_space, action_space, settings, seed)
        s, space, actions = self.settings, self.observation_space, int(self.action_space.n)
        self.network, self.target = (
            seeded(lambda: QNetwork(space.low, space.high, actions, s.hidden, s.activation, s.dueling), seed)
            for _ in range(2)
        )
        self.target.requires_grad_(False)
        make = torch.optim.Adam if s.optimiser == "adam" else torch.optim.SGD
        self.optimiser = make(self.network.parameters(), lr=s.learning_rate, fused=True)
        self.replay = Replay(s.replay, s.n_step, s.discount, s.priority, s.bootstrap_terminal)
        self.steps, self.updates = 0, 0
        self._logged: dict[str, float] = {}

    @classmethod
    def refuses(cls, observation_space, action_space):
        if isinstance(observation_space, spaces.Box) and len(observation_space.shape) != 1:
            return f"it wants observations of one axis, not of shape {observation_space.shape}"
        return refuse_unless(observation_space, action_space, spaces.Box, spaces.Discrete)

    @torch.no_grad()
    def values(self, observation: np.ndarray) -> np.ndarray:
        """Action values (rows, actions) of observations (rows, features)."""
        return self.network(torch.as_tensor(observation, dtype=torch.float32)).numpy()

    def greedy(self, observation: np.ndarray) -> np.ndarray:
        return self.values(observation).argmax(axis=1)

    def explore(self, observation: np.ndarray) -> np.ndarray:
        return pick(self.values(observation).astype(np.float64), self.settings, self.steps, self.rng)

    def learn(self, transitions: Transitions) -> None:
        s = self.settings
        self.replay.add(transitions)
        before, self.steps = self.steps, self.steps + int(transitions.valid.sum())
        due = self.steps // s.update_every - max(before, s.learn_start) // s.update_every
        if self.steps > s.learn_start and len(self.replay):
            for _ in range(due):
                self.update()

    def update(self) -> None:
        """One step of gradient descent on a batch, and the target network's share of it."""
        s = self.settings
        beta = s.importance + (1.0 - s.importance) * min(1.0, self.steps / s.importance_steps)
        batch = self.replay.sample(s.batch, self.rng, beta)
        ahead = torch.as_tensor(batch.next_observation, dtype=torch.float32)
        with torch.no_grad():
            values = self.target(ahead)
            best = (self.network(ahead) if s.double else values).argmax(dim=1, keepdim=True)
            target = torch.as_tensor(batch.reward) + torch.as_tensor(batch.ahead) * values.gather(1, best)[:, 0]
        taken = torch.as_tensor(batch.action, dtype=torch.int64)[:, None]
        value = self.network(torch.as_tensor(batch.observation, dtype=torch.float32)).gather(1, taken)[:, 0]
        loss_of = F.smooth_l1_loss if s.loss == "huber" else F.mse_loss
        loss = (torch.as_tensor(batch.weight) * loss_of(value, target, reduction="none")).mean()
        self.optimiser.zero_grad()
        loss.backward()
        if s.clip_gradient:
            for parameter in self.network.parameters():
                parameter.grad.mul_((s.clip_gradient / (parameter.grad.norm() + 1e-12)).clamp(max=1.0))
        self.optimiser.step()
        self.replay.set_errors(batch.index, (target - value).detach().numpy())
        self.updates += 1
        if self.updates % s.target_every == 0:
            with torch.no_grad():
                for to, of in zip(self.target.parameters(), self.network.parameters(), strict=True):
                    to.lerp_(of, s.target_rate) if s.target_rate < 1 else to.copy_(of)
        self._logged = {"loss": float(loss.detach()), "q_value": float(value.detach().mean())}

    def metrics(self) -> dict[str, float]:
        counts = {"explore": self.settings.strength(self.steps), "updates": self.updates}
        return counts | self._logged | norms(self.network)

    def get_policy(self) -> dict:
        return {"network": get_variables(self.network)}

    def set_policy(self, policy: dict) -> None:
        set_variables(self.network, policy["network"])
        set_variables(self.target, policy["network"])

    def get_state(self) -> dict:
        return {
            "policy": self.get_policy(),
            "target": get_variables(self.target),
            "optimiser": get_optimiser(self.optimiser),
            "replay": self.replay.get_state(),
            "steps": self.steps,
            "updates": self.updates,
            "rng": self.rng.bit_generator.state,
        }

    def set_state(self, state: dict) -> None:
        self.set_policy(state["policy"])
        set_variables(self.target, state["target"])
        set_optimiser(self.optimiser, state["optimiser"])
        self.replay.set_state(state["replay"])
        self.steps, self.updates = state["steps"], state["updates"]
        self.rng.bit_generator.state = state["rng"]
