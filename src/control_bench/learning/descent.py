"""A step of gradient descent as all learners take it, and their word where the loss is no number."""

from typing import Any

import torch
from torch import nn

from control_bench.errors import BadInput


def require_finite(loss: torch.Tensor, updates: int, mend: str) -> None:
    """BadInput where a loss is no number; `mend`: what should be lower."""
    if not torch.isfinite(loss):
        raise BadInput(
            f"the loss is {loss.item()} after {updates} updates: lower {mend}; the last checkpoint is as it was"
        )


def descend(
    optimiser: torch.optim.Optimizer, loss: torch.Tensor, settings: Any, updates: int, each: bool = False
) -> None:
    """One step of an optimiser down a loss, its gradient clipped as a whole, or each variable's; BadInput where the
    loss is no number.

    Args:
        settings: with learning_rate, and clip_gradient, the largest norm, 0 for any. updates: made so far.
    """
    limit = settings.clip_gradient
    require_finite(loss, updates, f"learning_rate ({settings.learning_rate:g}) or clip_gradient ({limit:g})")
    parameters = optimiser.param_groups[0]["params"]
    optimiser.zero_grad()
    loss.backward(inputs=parameters)
    if limit:
        for group in [[one] for one in parameters] if each else [parameters]:
            nn.utils.clip_grad_norm_(group, limit)
    optimiser.step()
