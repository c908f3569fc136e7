"""Proximal policy optimisation (Schulman et al., 2017).

A batch is learned from many times over. So that the policy stays near the one that drew it, the ratio of their
probabilities of an action earns nothing more once it is `clip` beyond 1. Advantages are generalised ones (GAE),
standardised over the batch.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from control_bench.learning.on_policy import ActorCritic, ActorCriticSettings
from control_bench.learning.rollout import Steps, standardised
from control_bench.settings import require, require_positive


@dataclass(frozen=True)
class PPOSettings(ActorCriticSettings):
    """Attributes, beside those of the batch:

    clip: epsilon, how far the ratio of probabilities may go from 1. entropy_weight, value_weight: of the entropy, and
        of the value's squared error, in the loss.
    target_kl: mean divergence from the policy that drew a batch, nats, beyond which the rest of its updates is left
        out; 0 for never.
    """

    clip: float = 0.2
    entropy_weight: float = 0.0
    value_weight: float = 0.5
    target_kl: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "clip")
        for name in ("entropy_weight", "value_weight", "target_kl"):
            require(getattr(self, name) >= 0, f"{name} should be 0 or more")


def clipped(ratio: torch.Tensor, advantage: torch.Tensor, clip: float) -> torch.Tensor:
    """What is to be made large: the lesser of what the ratio earns and what it earns within 1 - clip..1 + clip."""
    return torch.minimum(ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage)


class PPO(ActorCritic):
    """For Box observations, numbers or pictures, and Discrete or Box actions."""

    Settings = PPOSettings
    trained = ("policy", "value")

    def learn_from(self, steps: Steps):
        s, policy, value = self.settings, self.networks["policy"], self.networks["value"]
        observation, draw = steps.kept(steps.observation), steps.kept(steps.draw)
        before = steps.kept(steps.log_probability)
        better, goal = self.judge(steps)
        advantage = goal.new_tensor(standardised(better))
        for part in self.parts(len(goal)):
            distribution = policy(observation[part])
            log_ratio = distribution.log_prob(draw[part]) - before[part]
            ratio = log_ratio.exp()
            gain, entropy = clipped(ratio, advantage[part], s.clip).mean(), distribution.entropy().mean()
            value_loss = F.mse_loss(value(observation[part])[:, 0], goal[part])
            loss = s.value_weight * value_loss - gain - s.entropy_weight * entropy
            kl = float((ratio - 1.0 - log_ratio).detach().mean())  # by what was drawn (Schulman, 2020)
            if s.target_kl and kl > s.target_kl:
                break
            self.descend(loss)
        return {
            "loss": float(loss.detach()),
            "value_loss": float(value_loss.detach()),
            "entropy": float(entropy.detach()),
            "kl": kl,
        }
