"""A recurrent policy driven through a differentiable plant, and what it is trained on: residuals at chosen steps."""

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Movements:
    """Movements to train on, a batch of episodes; all in the plant's units, float64.

    Attributes:
        starts: states (rows, s). goals: what the policy is shown at each step (steps, rows, g).
        checks: steps at which the state is compared (rows, k); wanted: what it should be then (rows, k, s).
        weights: of the states' errors (s,). effort: weight of the squared torques' sum, of each row.
        sensor_noise, motor_noise: drawn beforehand, (steps, rows, s) and (steps, rows, n), or None.
        delay: steps that the policy sees late.
    """

    starts: torch.Tensor
    goals: torch.Tensor
    checks: torch.Tensor
    wanted: torch.Tensor
    weights: torch.Tensor
    effort: float = 0.0
    sensor_noise: torch.Tensor | None = None
    motor_noise: torch.Tensor | None = None
    delay: int = 0


@dataclass
class RollOut:
    """states (steps + 1, rows, s), torques (steps, rows, n), hidden units (steps, rows, h)."""

    states: torch.Tensor
    torques: torch.Tensor
    hidden: torch.Tensor


def roll_out(
    policy: Callable, step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    observe: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], batch: Movements,
) -> RollOut:  # fmt: skip
    """Drives the policy through the plant.

    Args:
        policy: (observed, memory) to (torques, memory), as `RecurrentPolicy`. step: the plant, (states, torques) to the
            next states. observe: (goal, sensed state) to what the policy sees.
    """
    states, torques, hidden = [batch.starts], [], []
    memory = None
    for t, goal in enumerate(batch.goals):
        sensed = states[max(t - batch.delay, 0)]
        if batch.sensor_noise is not None:
            sensed = sensed + batch.sensor_noise[t]
        torque, memory = policy(observe(goal, sensed), memory)
        torques.append(torque)
        hidden.append(torch.cat(memory, dim=1))
        felt = torque if batch.motor_noise is None else torque + batch.motor_noise[t]
        states.append(step(states[-1], felt))
    return RollOut(torch.stack(states), torch.stack(torques), torch.stack(hidden))


def residuals(rolled: RollOut, batch: Movements) -> torch.Tensor:
    """(rows, k s + 1): the weighted errors of the states, and the root of the weighted effort, as its square is what
    counts."""
    rows = torch.arange(len(batch.starts))[:, None]
    errors = (rolled.states[batch.checks, rows] - batch.wanted) * batch.weights
    effort = (batch.effort * rolled.torques.square().sum(dim=(0, 2)) + 1e-12).sqrt()
    return torch.cat([errors.flatten(1), effort[:, None]], dim=1)
