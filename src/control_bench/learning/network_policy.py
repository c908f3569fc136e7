"""Learners whose policy is a torch network: what acts is one function of tensors, which is also what `export`
writes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from control_bench.controllers.base import Learner
from control_bench.learning.encoders import make_encoder
from control_bench.learning.networks import get_variables, norms, seeded, set_variables


class NetworkPolicy(Learner):
    """Of a learner of one's own: `make_networks` and `action_of`.

    Args:
        moments: the task's (`tasks/base.py`).

    Attributes:
        networks: by name, all that is trained. acting: the names of those that acting needs; the policy is their
            variables. updates: so far.
    """

    uses = ("moments",)
    acting: tuple[str, ...]

    def __init__(self, observation_space, action_space, settings=None, seed: int = 0, *, moments: int = 1) -> None:
        super().__init__(observation_space, action_space, settings, seed)
        self._moments = moments
        self.networks: dict[str, nn.Module] = seeded(self.make_networks, seed)
        self.updates = 0
        # Whose encoders have yet to take their measure.
        self._unfitted = [name for name, network in self.networks.items() if network.encoder.measures]
        self._logged: dict[str, float] = {}

    def make_encoder(self) -> nn.Module:
        """A new one, of what is observed."""
        return make_encoder(self.observation_space, self.settings, self._moments)

    def make_networks(self) -> dict[str, nn.Module]:
        """New networks, by name; each with an `encoder`."""
        raise NotImplementedError

    def action_of(self, observation: torch.Tensor) -> torch.Tensor:
        """The best known actions (rows, ...) of the action space, for observations (rows, ...), in torch alone."""
        raise NotImplementedError

    @torch.no_grad()
    def greedy(self, observation: np.ndarray) -> np.ndarray:
        return self.action_of(torch.as_tensor(observation)).numpy()

    def copies(self, name: str) -> list[nn.Module]:
        """A network, and those that begin as it does."""
        return [self.networks[name]]

    def fit(self, seen: Callable[[str], np.ndarray]) -> None:
        """The encoders take their measure of what their networks, by name, have seen (count, ...)."""
        for name in self._unfitted:
            for network in self.copies(name):
                network.encoder.fit(seen(name))
        self._unfitted = []

    def metrics(self) -> dict[str, float]:
        metrics = {"updates": self.updates} | self._logged
        for name, network in self.networks.items():
            metrics |= norms(network, "" if len(self.networks) == 1 else f"{name}.")
        return metrics

    def acting_networks(self) -> dict[str, nn.Module]:
        return {name: self.networks[name] for name in self.acting}

    def get_policy(self) -> dict:
        return {name: get_variables(network) for name, network in self.acting_networks().items()}

    def set_policy(self, policy: dict) -> None:
        for name in self.acting:
            for network in self.copies(name):
                set_variables(network, policy[name])
        self._unfitted = [name for name in self._unfitted if name not in self.acting]  # their measure came with them

    def get_state(self) -> dict:
        return {
            "policy": self.get_policy(),
            "networks": {name: get_variables(network) for name, network in self.networks.items()},
            "updates": self.updates,
            "unfitted": list(self._unfitted),
            "rng": self.rng.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        for name, network in self.networks.items():
            set_variables(network, state["networks"][name])
        self.updates, self._unfitted = state["updates"], list(state["unfitted"])
        self.rng.bit_generator.state = state["rng"]


def in_space(unit: torch.Tensor, space) -> torch.Tensor:
    """Numbers (rows, numbers) in -1..1 as actions (rows, ...) of a bounded Box, in its type."""
    low, high = (torch.as_tensor(bound, dtype=torch.float64) for bound in (space.low, space.high))
    actions = (low + high) / 2.0 + (high - low) / 2.0 * unit.reshape(-1, *space.shape)
    return actions.to(torch.as_tensor(np.zeros(0, space.dtype)).dtype)
