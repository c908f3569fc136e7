"""What learners share whose actions are numbers: noise to explore by, and actions in shares of half their range."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from control_bench.controllers.base import Transitions, refuse_unless
from control_bench.learning.exploration import ActionNoise, NoiseSettings
from control_bench.learning.network_policy import in_space
from control_bench.learning.networks import Trunks
from control_bench.learning.off_policy import OffPolicyLearner, OffPolicySettings
from control_bench.settings import require_layers, require_positive


@dataclass(frozen=True)
class ContinuousSettings(OffPolicySettings, NoiseSettings):
    """Attributes, beside those of the replay and the noise:

    hidden, activation: of each of the networks' trunks. norm: layer normalisation. actor_every: updates of the values
        for one of what acts, where that is a network of its own (Fujimoto et al., 2018).
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: Literal["relu", "tanh"] = "relu"
    norm: bool = True
    actor_every: int = 1

    def __post_init__(self) -> None:
        OffPolicySettings.__post_init__(self)
        NoiseSettings.__post_init__(self)
        require_layers(self, "hidden")
        require_positive(self, "actor_every")


class ActorNetwork(nn.Module):
    """Actions (batch, numbers) in -1..1 of observations."""

    def __init__(self, encoder: nn.Module, numbers: int, s: ContinuousSettings) -> None:
        super().__init__()
        self.encoder = encoder
        self.trunk = Trunks(1, encoder.width, s.hidden, numbers, s.activation, s.norm)
        with torch.no_grad():  # the first actions are about the middle, as in the article
            self.trunk.weights[-1].uniform_(-1e-3, 1e-3)
            self.trunk.biases[-1].zero_()

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.trunk(self.encoder(observation))[0])


class ContinuousLearner(OffPolicyLearner):
    """Of a learner of one's own: `make_networks`, `learn_from`, and `best`."""

    Settings = ContinuousSettings

    def __init__(self, observation_space, action_space, settings=None, seed: int = 0, **told: Any) -> None:
        super().__init__(observation_space, action_space, settings, seed, **told)
        low, high = (bound.astype(np.float64) for bound in (self.action_space.low, self.action_space.high))
        self._middle, self._half = (low + high) / 2.0, (high - low) / 2.0
        self._noise = ActionNoise(self.settings, int(np.prod(self.action_space.shape)))

    @classmethod
    def refuses(cls, observation_space, action_space):
        reason = refuse_unless(observation_space, action_space, spaces.Box, spaces.Box)
        if reason is None and not (np.isfinite(action_space.low).all() and np.isfinite(action_space.high).all()):
            return "its actions should have bounds: give the action space finite ones"
        return reason

    @property
    def actor_due(self) -> bool:
        """Whether a network of its own that acts is to learn in the next update."""
        return self.updates % self.settings.actor_every == 0

    def best(self, observation: torch.Tensor) -> torch.Tensor:
        """The best known actions (rows, numbers), in -1..1."""
        raise NotImplementedError

    def action_of(self, observation: torch.Tensor) -> torch.Tensor:
        return in_space(self.best(observation), self.action_space)

    def unit(self, action: np.ndarray) -> torch.Tensor:
        """Actions (rows, ...) of the space as (rows, numbers) in -1..1."""
        return torch.as_tensor(((action - self._middle) / self._half).reshape(len(action), -1).astype(np.float32))

    @torch.no_grad()
    def explore(self, observation: np.ndarray) -> np.ndarray:
        """Anything at first, evenly; once learning has begun, the best known action and noise, within its bounds."""
        rows, numbers = len(observation), int(np.prod(self.action_space.shape))
        if self.steps <= self.settings.learn_start:
            unit = torch.as_tensor(self.rng.uniform(-1.0, 1.0, (rows, numbers)))
        else:
            noise = torch.as_tensor(self._noise.draw(rows, self.steps, self.rng))
            unit = (self.best(torch.as_tensor(observation)) + noise).clamp(-1.0, 1.0)
        return in_space(unit, self.action_space).numpy()

    def learn(self, transitions: Transitions) -> None:
        super().learn(transitions)
        self._noise.end(transitions.terminated | transitions.truncated | ~transitions.valid)

    def metrics(self) -> dict[str, float]:
        return {"noise": self._noise.deviation(self.steps)} | super().metrics()

    def get_state(self) -> dict:
        return super().get_state() | {"noise": self._noise.get_state()}

    def set_state(self, state: dict) -> None:
        super().set_state(state)
        self._noise.set_state(state["noise"])
