"""Learners whose policy is a torch network: what acts is one function of tensors, which is also what `export`
writes."""

import numpy as np
import torch
from torch import nn

from control_bench.controllers.base import Learner


class NetworkPolicy(Learner):
    """Of a learner of one's own: `action_of`, and `acting_networks`, those that it uses, by name."""

    def acting_networks(self) -> dict[str, nn.Module]:
        raise NotImplementedError

    def action_of(self, observation: torch.Tensor) -> torch.Tensor:
        """The best known actions (rows, ...) of the action space, for observations (rows, ...), in torch alone."""
        raise NotImplementedError

    @torch.no_grad()
    def greedy(self, observation: np.ndarray) -> np.ndarray:
        return self.action_of(torch.as_tensor(observation)).numpy()


def in_space(unit: torch.Tensor, space) -> torch.Tensor:
    """Numbers (rows, numbers) in -1..1 as actions (rows, ...) of a bounded Box, in its type."""
    low, high = (torch.as_tensor(bound, dtype=torch.float64) for bound in (space.low, space.high))
    actions = (low + high) / 2.0 + (high - low) / 2.0 * unit.reshape(-1, *space.shape)
    return actions.to(torch.as_tensor(np.zeros(0, space.dtype)).dtype)
