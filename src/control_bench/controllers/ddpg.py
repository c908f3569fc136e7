"""Deep deterministic policy gradient: an actor that climbs its critic (Lillicrap et al., 2016).

The critic values an action, the actor is trained to act where that value is highest. `critics` above 1 takes the least
of so many values ahead, and `smoothing` tries it at actions nearby (Fujimoto et al., 2018). Source of the first
settings: matpalm's cartpole++ (2016).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from control_bench.learning.continuous import ActorNetwork, ContinuousLearner, ContinuousSettings
from control_bench.learning.networks import Trunks
from control_bench.learning.replay import Batch
from control_bench.settings import require, require_positive

NEARBY = 0.5
"""The furthest that smoothing goes, in shares of half the actions' range."""


@dataclass(frozen=True)
class DDPGSettings(ContinuousSettings):
    """Attributes, beside those of the replay and the noise:

    actor_rate: the actor's learning rate. critics: how many. smoothing: standard deviation of the noise on the
        actions ahead, 0 for none.
    """

    actor_rate: float = 1e-3
    critics: int = 2
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "actor_rate", "critics")
        require(self.smoothing >= 0, "smoothing should be 0 or more")


class Critic(nn.Module):
    """Values (critics, batch) of actions (batch, numbers) in -1..1."""

    def __init__(self, encoder: nn.Module, numbers: int, s: DDPGSettings) -> None:
        super().__init__()
        self.encoder = encoder
        self.trunks = Trunks(s.critics, encoder.width + numbers, s.hidden, 1, s.activation, s.norm)

    def forward(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return self.trunks(torch.cat([self.encoder(observation), action], dim=1))[:, :, 0]


class DDPG(ContinuousLearner):
    """For Box observations, numbers or pictures, and Box actions."""

    Settings = DDPGSettings
    acting = ("actor",)

    def make_networks(self):
        s, numbers = self.settings, int(np.prod(self.action_space.shape))
        return {
            "actor": ActorNetwork(self.make_encoder(), numbers, s),
            "critic": Critic(self.make_encoder(), numbers, s),
        }

    def followed(self):
        return ("actor", "critic")

    def make_optimisers(self):
        rates = {"actor": self.settings.actor_rate, "critic": self.settings.learning_rate}
        return {
            name: torch.optim.Adam(self.networks[name].parameters(), lr=rate, fused=True)
            for name, rate in rates.items()
        }

    def best(self, observation: torch.Tensor) -> torch.Tensor:
        return self.networks["actor"](observation)

    def learn_from(self, batch: Batch):
        s, actor, critic = self.settings, self.networks["actor"], self.networks["critic"]
        observation, ahead = torch.as_tensor(batch.observation), torch.as_tensor(batch.next_observation)
        with torch.no_grad():
            action = self.targets["actor"](ahead)
            if s.smoothing:
                noise = np.clip(s.smoothing * self.rng.standard_normal(action.shape), -NEARBY, NEARBY)
                action = (action + torch.as_tensor(noise, dtype=torch.float32)).clamp(-1.0, 1.0)
            value = self.targets["critic"](ahead, action).amin(dim=0)
            goal = self.goal(batch, value)
        values = critic(observation, self.unit(batch.action))
        loss = self.loss_of(values, goal, batch)
        self.descend("critic", loss)
        logged = {"loss": float(loss.detach()), "q_value": float(values.detach().mean())}
        if self.actor_due:
            self.descend("actor", -critic(observation, actor(observation))[0].mean())
        return (goal - values).mean(dim=0), logged
