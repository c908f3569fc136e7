"""What learners share that learn from what their present policy did, and then forget it: drawing
actions, collecting steps, the values of states, and all that a resumed training needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from control_bench.controllers.base import Transitions, refuse_unless
from control_bench.learning.continuous import ContinuousLearner
from control_bench.learning.descent import descend
from control_bench.learning.encoders import EncoderSettings
from control_bench.learning.network_policy import NetworkPolicy, in_space
from control_bench.learning.networks import get_optimiser, set_optimiser
from control_bench.learning.policy import Perceptron, Policy, draw
from control_bench.learning.rollout import Rollout, Steps, advantages
from control_bench.settings import require, require_layers, require_positive


@dataclass(frozen=True)
class OnPolicySettings(EncoderSettings):
    """Attributes:
    learning_rate; clip_gradient: the largest norm of a gradient, 0 for any. discount: gamma.
    hidden, activation: of each network. deviation: that the normal distribution of actions begins with, in shares of
        half their range.
    """

    learning_rate: float = 3e-4
    clip_gradient: float = 0.5
    discount: float = 0.99
    hidden: tuple[int, ...] = (64, 64)
    activation: Literal["relu", "tanh"] = "tanh"
    deviation: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "learning_rate", "deviation")
        require(self.clip_gradient >= 0, "clip_gradient should be 0 (none) or more")
        require(0 <= self.discount <= 1, "discount should be 0 to 1")
        require_layers(self, "hidden")


class OnPolicyLearner(NetworkPolicy):
    """For Box observations, numbers or pictures, and Discrete or Box actions. Of a learner of one's own: `full` and
    `learn_from`.

    Attributes:
        trained: the names of the networks that the optimiser trains. rollout: the steps since the last update.
    """

    acting = ("policy",)
    trained: ClassVar[tuple[str, ...]] = ("policy",)

    def __init__(self, observation_space, action_space, settings=None, seed: int = 0, **told: Any) -> None:
        super().__init__(observation_space, action_space, settings, seed, **told)
        parameters = [p for name in self.trained for p in self.networks[name].parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=self.settings.learning_rate, fused=True)
        self.rollout = Rollout()
        self._drawn: tuple[np.ndarray, np.ndarray] | None = None  # for the step to come, and its log-probability

    @classmethod
    def refuses(cls, observation_space, action_space):
        if isinstance(action_space, spaces.Box):
            return ContinuousLearner.refuses(observation_space, action_space)
        return refuse_unless(observation_space, action_space, spaces.Box, spaces.Discrete)

    def make_networks(self) -> dict[str, nn.Module]:
        """One of them is the `policy`."""
        s = self.settings
        return {"policy": Policy(self.make_encoder(), self.action_space, s.hidden, s.activation, s.deviation)}

    def full(self) -> bool:
        """Whether the rollout is to be learned from now."""
        raise NotImplementedError

    def learn_from(self, steps: Steps) -> dict[str, float]:
        """One update of every network; what is to be logged."""
        raise NotImplementedError

    def action_of(self, observation: torch.Tensor) -> torch.Tensor:
        return self._in_space(self.networks["policy"].mode(observation))

    @torch.no_grad()
    def explore(self, observation: np.ndarray) -> np.ndarray:
        distribution = self.networks["policy"](torch.as_tensor(observation))
        drawn = draw(distribution, self.rng)
        self._drawn = drawn.numpy(), distribution.log_prob(drawn).numpy()
        return self._in_space(drawn).numpy()

    def _in_space(self, drawn: torch.Tensor) -> torch.Tensor:
        """What a distribution gives as actions of the space, within its bounds."""
        if isinstance(self.action_space, spaces.Discrete):
            return drawn + int(self.action_space.start)
        return in_space(drawn.clamp(-1.0, 1.0), self.action_space)

    def learn(self, transitions: Transitions) -> None:
        self.rollout.add(transitions, *self._drawn)
        if self.full():
            steps = self.rollout.take()
            if self._unfitted:
                self.fit(lambda name: steps.observation[steps.valid])
            self._logged = self.learn_from(steps)
            self.updates += 1

    def descend(self, loss: torch.Tensor) -> None:
        """One step of the optimiser down a loss; see `learning.descent`."""
        descend(self.optimiser, loss, self.settings, self.updates)

    def get_state(self) -> dict:
        return super().get_state() | {
            "optimiser": get_optimiser(self.optimiser),
            "rollout": self.rollout.get_state(),
            "drawn": self._drawn,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        set_optimiser(self.optimiser, state["optimiser"])
        self.rollout.set_state(state["rollout"])
        self._drawn = None if state["drawn"] is None else tuple(state["drawn"])


@dataclass(frozen=True)
class ActorCriticSettings(OnPolicySettings):
    """Attributes, beside those above:

    batch: steps, over all rows, that are learned from at once. gae_lambda: of the advantages, 1 for returns less
        values, 0 for TD errors. epochs, minibatches: times that a batch is gone through, in so many parts.
    """

    batch: int = 2048
    gae_lambda: float = 0.95
    epochs: int = 10
    minibatches: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "batch", "epochs", "minibatches")
        require(self.batch >= self.minibatches, "batch should be as large as minibatches, or larger")
        require(0 <= self.gae_lambda <= 1, "gae_lambda should be 0 to 1")


class ActorCritic(OnPolicyLearner):
    """A policy, and beside it a network that says what a state is worth."""

    def make_networks(self):
        s = self.settings
        return super().make_networks() | {"value": Perceptron(self.make_encoder(), 1, s.hidden, s.activation)}

    def full(self):
        return len(self.rollout) >= self.settings.batch

    @torch.no_grad()
    def _values(self, observation: np.ndarray) -> np.ndarray:
        """Of observations (steps, rows, ...)."""
        flat = torch.as_tensor(observation.reshape(-1, *observation.shape[2:]))
        return self.networks["value"](flat).numpy().reshape(observation.shape[:2]).astype(np.float64)

    def judge(self, steps: Steps) -> tuple[np.ndarray, torch.Tensor]:
        """How much better each step of an episode was than expected (batch,), and the value that its state should
        have (batch,)."""
        s, value = self.settings, self._values(steps.observation)
        better = advantages(steps, value, self._values(steps.next_observation), s.discount, s.gae_lambda)
        return better[steps.valid], steps.kept(better + value).float()

    def parts(self, count: int) -> Iterator[torch.Tensor]:
        """The places 0..count - 1, `epochs` times over, each time drawn into so many parts anew."""
        for _ in range(self.settings.epochs):
            for part in np.array_split(self.rng.permutation(count), self.settings.minibatches):
                yield torch.as_tensor(part)
