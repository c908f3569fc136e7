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

from control_bench.controllers.base import refuse_unless
from control_bench.learning.exploration import ExplorationSettings, pick
from control_bench.learning.networks import QNetwork
from control_bench.learning.off_policy import OffPolicyLearner, OffPolicySettings
from control_bench.learning.replay import Batch
from control_bench.settings import require_layers


@dataclass(frozen=True)
class DQNSettings(OffPolicySettings, ExplorationSettings):
    """Attributes, beside those of the replay and the exploration:

    hidden, activation: layers of the network. dueling: value and advantage heads. double: pick the next action by
        the trained network, value it by the target network.
    optimiser; clip_gradient: the largest norm of each variable's gradient.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    dueling: bool = False
    double: bool = True
    optimiser: Literal["adam", "sgd"] = "adam"
    update_every: int = 4
    target_every: int = 500
    target_rate: float = 1.0

    def __post_init__(self) -> None:
        OffPolicySettings.__post_init__(self)
        ExplorationSettings.__post_init__(self)
        require_layers(self, "hidden")


class DQN(OffPolicyLearner):
    """For Box observations, numbers or pictures, and Discrete actions."""

    Settings = DQNSettings

    @classmethod
    def refuses(cls, observation_space, action_space):
        return refuse_unless(observation_space, action_space, spaces.Box, spaces.Discrete)

    def make_networks(self):
        s = self.settings
        return {"network": QNetwork(self.make_encoder(), int(self.action_space.n), s.hidden, s.activation, s.dueling)}

    def make_optimisers(self):
        make = torch.optim.Adam if self.settings.optimiser == "adam" else torch.optim.SGD
        parameters = self.networks["network"].parameters()
        return {"network": make(parameters, lr=self.settings.learning_rate, fused=True)}

    @torch.no_grad()
    def values(self, observation: np.ndarray) -> np.ndarray:
        """Action values (rows, actions) of observations (rows, ...)."""
        return self.networks["network"](torch.as_tensor(observation)).numpy()

    def action_of(self, observation: torch.Tensor) -> torch.Tensor:
        return self.networks["network"](observation).argmax(dim=1) + int(self.action_space.start)

    def explore(self, observation: np.ndarray) -> np.ndarray:
        picked = pick(self.values(observation).astype(np.float64), self.settings, self.steps, self.rng)
        return picked + int(self.action_space.start)

    def learn_from(self, batch: Batch):
        s, network, target_network = self.settings, self.networks["network"], self.targets["network"]
        ahead = torch.as_tensor(batch.next_observation)
        with torch.no_grad():
            values = target_network(ahead)
            best = (network(ahead) if s.double else values).argmax(dim=1, keepdim=True)
            target = self.goal(batch, values.gather(1, best)[:, 0])
        taken = torch.as_tensor(batch.action - self.action_space.start, dtype=torch.int64)[:, None]
        value = network(torch.as_tensor(batch.observation)).gather(1, taken)[:, 0]
        loss = self.loss_of(value, target, batch)
        self.descend("network", loss, each=True)
        return target - value, {"loss": float(loss.detach()), "q_value": float(value.detach().mean())}

    def metrics(self):
        return {"explore": self.settings.strength(self.steps)} | super().metrics()
