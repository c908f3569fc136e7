"""Policies that draw their actions: networks whose output is a distribution of actions, and what is drawn from them."""

import math

import numpy as np
import torch
from gymnasium import spaces
from torch import nn
from torch.distributions import Categorical, Distribution, Independent, Normal

from control_bench.learning.networks import mlp


class Perceptron(nn.Module):
    """Numbers (batch, outputs) of observations."""

    def __init__(self, encoder: nn.Module, outputs: int, hidden: tuple[int, ...], activation: str) -> None:
        super().__init__()
        sizes = (encoder.width, *hidden)
        self.encoder, self.body, self.head = encoder, mlp(sizes, activation), nn.Linear(sizes[-1], outputs)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.encoder(observation)))


class Policy(Perceptron):
    """The distribution of actions in observations: which one of Discrete ones; or for each number of a Box by itself a
    normal one, in shares of half its range, with a deviation that is the same everywhere.

    It begins about even, or about the middle. So next to nothing of it changes when the encoder takes its measure of
    what was done before.
    """

    def __init__(
        self, encoder: nn.Module, space: spaces.Space, hidden: tuple[int, ...], activation: str, deviation: float
    ) -> None:
        discrete = isinstance(space, spaces.Discrete)
        outputs = int(space.n) if discrete else int(np.prod(space.shape))
        super().__init__(encoder, outputs, hidden, activation)
        with torch.no_grad():
            self.head.weight *= 0.01
            self.head.bias.zero_()
        first = torch.full((outputs,), math.log(deviation))
        self.log_deviation = None if discrete else nn.Parameter(first)

    def forward(self, observation: torch.Tensor) -> Distribution:
        out = super().forward(observation)
        if self.log_deviation is None:
            return Categorical(logits=out, validate_args=False)
        normal = Normal(out, self.log_deviation.exp().expand_as(out), validate_args=False)
        return Independent(normal, 1, validate_args=False)

    def mode(self, observation: torch.Tensor) -> torch.Tensor:
        """The most probable action (batch,), or numbers (batch, numbers)."""
        out = super().forward(observation)
        return out.argmax(dim=1) if self.log_deviation is None else out


def draw(distribution: Distribution, rng: np.random.Generator) -> torch.Tensor:
    """Of each distribution one, by numpy's generator: torch draws from its global one."""
    if isinstance(distribution, Categorical):
        cumulative = distribution.probs.double().cumsum(dim=1).numpy()
        picked = (rng.random((len(cumulative), 1)) >= cumulative).sum(axis=1)
        return torch.as_tensor(np.minimum(picked, cumulative.shape[1] - 1))
    noise = rng.standard_normal(distribution.mean.shape, dtype=np.float32)
    return distribution.mean + distribution.stddev * torch.as_tensor(noise)
