"""Natural policy gradient: the steepest way by how much the policy changes, not by how much its variables do
(Kakade, 2002).

The step is sqrt(delta / (gᵀ F⁻¹ g)) F⁻¹ g, with g the gradient of log p(action) times the advantage and F Fisher's
information, both means over a batch. F is the second derivative of the policy's divergence (KL) from itself, so F v is
exact, without F, and conjugate gradients find F⁻¹ g. The value that advantages are measured from is a network of its
own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.distributions import kl_divergence
from torch.nn import functional as F

from control_bench.learning.curvature import flatten, put
from control_bench.learning.descent import require_finite
from control_bench.learning.hessian_free import conjugate_gradients
from control_bench.learning.on_policy import ActorCritic, ActorCriticSettings, Policy
from control_bench.learning.rollout import Steps, standardised
from control_bench.settings import require_positive


@dataclass(frozen=True)
class NaturalPGSettings(ActorCriticSettings):
    """Attributes, beside those of the batch; learning_rate, clip_gradient, epochs and minibatches are the value's:

    delta: of an update, about twice the mean divergence of the new policy from the old one, nats.
    damping: added to Fisher's information, so that it can be inverted. cg_iterations: at most; cg_tolerance: relative
        progress an iteration below which they stop.
    """

    learning_rate: float = 1e-3
    batch: int = 2000
    delta: float = 0.02
    damping: float = 0.01
    cg_iterations: int = 20
    cg_tolerance: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "delta", "damping", "cg_iterations", "cg_tolerance")


class NaturalPG(ActorCritic):
    """For Box observations, numbers or pictures, and Discrete or Box actions."""

    Settings = NaturalPGSettings
    trained = ("value",)

    def learn_from(self, steps: Steps):
        s, policy = self.settings, self.networks["policy"]
        observation, draw = steps.kept(steps.observation), steps.kept(steps.draw)
        better, goal = self.judge(steps)
        distribution = policy(observation)
        gain = (distribution.log_prob(draw) * goal.new_tensor(standardised(better))).mean()
        require_finite(gain, self.updates, f"delta ({s.delta:g}) or learning_rate ({s.learning_rate:g})")
        policy.zero_grad()
        gain.backward()
        gradient = flatten(parameter.grad for parameter in policy.parameters())
        iterates, iterations = conjugate_gradients(
            fisher(policy, observation, s.damping),
            gradient,
            torch.zeros_like(gradient),
            s.cg_iterations,
            s.cg_tolerance,
        )
        natural = iterates[-1]
        slope = float(gradient @ natural)
        if slope > 0.0:  # else all was as good as expected, and there is nowhere to go
            here = flatten(parameter.detach() for parameter in policy.parameters())
            put(here + (s.delta / slope) ** 0.5 * natural, policy)
        for part in self.parts(len(goal)):
            loss = F.mse_loss(self.networks["value"](observation[part])[:, 0], goal[part])
            self.descend(loss)
        return {
            "value_loss": float(loss.detach()),
            "entropy": float(distribution.entropy().detach().mean()),
            "cg_iterations": iterations,
        }


def fisher(policy: Policy, observation: torch.Tensor, damping: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Products of (F + damping) with vectors (p,), F a mean over observations."""
    with torch.no_grad():
        now = policy(observation)
    parameters = list(policy.parameters())
    divergence = kl_divergence(now, policy(observation)).mean()
    slopes = flatten(torch.autograd.grad(divergence, parameters, create_graph=True))

    def product(vector: torch.Tensor) -> torch.Tensor:
        bent = torch.autograd.grad(slopes @ vector, parameters, retain_graph=True)
        return flatten(bent) + damping * vector

    return product
