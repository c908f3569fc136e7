"""What learners share that learn from a replay: when to learn, from what, the networks and their slow targets, and all
that a resumed training needs."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from torch import nn
from torch.nn import functional as F

from control_bench.controllers.base import Transitions
from control_bench.errors import BadInput
from control_bench.learning.augment import shifted
from control_bench.learning.descent import descend
from control_bench.learning.encoders import EncoderSettings, is_picture
from control_bench.learning.network_policy import NetworkPolicy
from control_bench.learning.networks import get_optimiser, get_variables, seeded, set_optimiser, set_variables
from control_bench.learning.replay import Batch, Replay
from control_bench.settings import require, require_positive


@dataclass(frozen=True)
class OffPolicySettings(EncoderSettings):
    """What can be set; "steps" are environment steps, counted over all rows.

    Attributes:
        learning_rate; loss: of the TD errors; clip_gradient: the largest norm of a gradient, 0 for any.
        reward_scale: what rewards are counted as; with 1 - discount, values are about as large as rewards are, and the
            huber loss takes the rare step that ends it all for what it is.
        discount: gamma. n_step: rewards before the value behind them. bootstrap_terminal: count a value behind the end.
        bound: cut what lies ahead to what the rewards seen so far allow, for ever the least or the largest: where the
            best action is always taken for as good as it looks, values grow beyond that.
        batch: steps in an update. learn_start: steps before the first one; update_every: steps until the next updates
            are due, so many at a time.
        target_every: updates between copies to the target network; target_rate: the share copied (1: all of it).
        mirror: learn the values of every step as one of the task's symmetries shows it, drawn evenly. shift: learn from
            pictures that are moved by up to so many pixels either way.
        replay: steps remembered. priority: exponent of prioritised replay, 0 for none; importance: its beta at the
            start, which reaches 1 after importance_steps.
    """

    learning_rate: float = 1e-3
    loss: Literal["huber", "squared"] = "huber"
    clip_gradient: float = 10.0
    reward_scale: float = 1.0
    discount: float = 0.99
    n_step: int = 1
    bootstrap_terminal: bool = False
    bound: bool = False
    batch: int = 128
    learn_start: int = 1000
    update_every: int = 1
    updates: int = 1
    target_every: int = 1
    target_rate: float = 0.005
    mirror: bool = False
    shift: int = 0
    replay: int = 100_000
    priority: float = 0.0
    importance: float = 0.4
    importance_steps: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "learning_rate", "n_step", "batch", "update_every", "updates", "target_every", "replay")
        require_positive(self, "importance_steps", "reward_scale")
        require(self.learn_start >= 0, "learn_start should be 0 or more")
        require(self.shift >= 0, "shift should be 0 or more")
        require(self.clip_gradient >= 0, "clip_gradient should be 0 (none) or more")
        require(0 <= self.discount <= 1, "discount should be 0 to 1")
        require(0 < self.target_rate <= 1, "target_rate should be above 0 and at most 1")
        require(0 <= self.priority <= 1 and 0 <= self.importance <= 1, "priority and importance should be 0 to 1")


class OffPolicyLearner(NetworkPolicy):
    """Of a learner of one's own: `make_networks`, `learn_from`, `action_of` and `explore`.

    Args:
        moments, stacked, state_space, symmetries: the task's (`tasks/base.py`).

    Attributes:
        targets: slow copies, by the name of the network they follow. optimisers: by name. steps: so far.
    """

    uses = ("moments", "stacked", "state_space", "symmetries")
    acting = ("network",)

    def __init__(
        self, observation_space, action_space, settings=None, seed: int = 0, *, moments: int = 1, stacked: int = 1,
        state_space: spaces.Space | None = None, symmetries: Any = None,
    ) -> None:  # fmt: skip
        self.state_space, self.symmetries = state_space, symmetries
        super().__init__(observation_space, action_space, settings, seed, moments=moments)
        s = self.settings
        if s.mirror and (symmetries is None or (self.judged == "observation" and state_space is not None)):
            raise BadInput("mirror: the task has no symmetries with these settings: set mirror to false")
        if s.shift and not is_picture(self.observation_space):
            raise BadInput(f"shift: {self.observation_space} is no picture that could be moved: set shift to 0")
        followed = seeded(self.make_networks, seed)
        self.targets = {name: followed[name].requires_grad_(False) for name in self.followed()}
        self.optimisers = self.make_optimisers()
        self._followers = {name: list(target.parameters()) for name, target in self.targets.items()}
        self.replay = Replay(s.replay, s.n_step, s.discount, s.priority, s.bootstrap_terminal, stacked)
        self.steps = 0
        self._rewards = np.array([np.inf, -np.inf])  # the least and the largest seen

    def followed(self) -> tuple[str, ...]:
        """The networks that have a slow copy."""
        return ("network",)

    def make_optimisers(self) -> dict[str, torch.optim.Optimizer]:
        rate = self.settings.learning_rate
        return {
            name: torch.optim.Adam(network.parameters(), lr=rate, fused=True) for name, network in self.networks.items()
        }

    def learn_from(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """One update of what values are learned by on a batch; the TD errors (batch,) and what is to be logged."""
        raise NotImplementedError

    @property
    def judged(self) -> str:
        """What values are learned of: the `observation`, or the `state`."""
        return "state" if self.wants_state else "observation"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The observations and states that the next update learns from."""
        return self.judged, f"next_{self.judged}"

    def look_ahead(self, batch: Batch) -> Batch:
        """A batch with the `next_action` that its values are learned by, where they are, as yet in no mirror."""
        return batch

    def learn_to_act(self, batch: Batch) -> None:
        """One update of what acts, where that is another network than those whose values were learned from the batch,
        here never in a mirror."""

    def seen_by(self, name: str) -> str:
        """What a network sees: what acts the `observation`, others what values are learned of."""
        return "observation" if name in self.acting else self.judged

    def learn(self, transitions: Transitions) -> None:
        s = self.settings
        self.replay.add(transitions)
        if transitions.valid.any():
            seen = transitions.reward[transitions.valid]
            self._rewards[:] = min(self._rewards[0], seen.min()), max(self._rewards[1], seen.max())
        before, self.steps = self.steps, self.steps + int(transitions.valid.sum())
        due = self.steps // s.update_every - max(before, s.learn_start) // s.update_every
        if self.steps > s.learn_start and len(self.replay):
            for _ in range(due * s.updates):
                self.update()

    def update(self) -> None:
        """One step of gradient descent on a batch, and the targets' share of it."""
        s = self.settings
        if self._unfitted:
            self.fit(lambda name: self.replay.held(self.seen_by(name)))
        beta = s.importance + (1.0 - s.importance) * min(1.0, self.steps / s.importance_steps)
        batch = self.replay.sample(s.batch, self.rng, beta, self.wanted)
        if s.shift:
            seen = {name: getattr(batch, name) for name in ("observation", "next_observation")}
            moved = {name: shifted(one, s.shift, self.rng) for name, one in seen.items() if one is not None}
            batch = replace(batch, **moved)
        if s.reward_scale != 1.0:
            batch = replace(batch, reward=batch.reward * np.float32(s.reward_scale))
        batch = self.look_ahead(batch)
        errors, self._logged = self.learn_from(self._mirrored(batch) if s.mirror else batch)
        self.learn_to_act(batch)
        self.replay.set_errors(batch.index, errors.detach().numpy())
        self.updates += 1
        if self.updates % s.target_every == 0:
            for name, target in self._followers.items():
                follow(target, self.optimisers[name].param_groups[0]["params"], s.target_rate)

    def _mirrored(self, batch: Batch) -> Batch:
        which = self.rng.integers(0, len(self.symmetries.observation), len(batch.index))
        names = self.judged, f"next_{self.judged}"
        shown = {name: self.symmetries.observations(getattr(batch, name), which) for name in names}
        taken = {"action": batch.action} | ({} if batch.next_action is None else {"next_action": batch.next_action})
        shown |= {name: self.symmetries.actions(action, which) for name, action in taken.items()}
        return replace(batch, **shown)

    def copies(self, name: str) -> list[nn.Module]:
        return super().copies(name) + ([self.targets[name]] if name in self.targets else [])

    def goal(self, batch: Batch, ahead: torch.Tensor) -> torch.Tensor:
        """What the values of a batch's steps should be (batch,), by the value of what lies ahead of each."""
        s = self.settings
        if s.bound and s.discount < 1.0:
            low, high = s.reward_scale * self._rewards / (1.0 - s.discount)
            ahead = ahead.clamp(min(low, 0.0), max(high, 0.0))  # an episode may end, and earn no more
        return torch.as_tensor(batch.reward) + torch.as_tensor(batch.ahead) * ahead

    def loss_of(self, value: torch.Tensor, goal: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Of values (..., batch) beside what they should be (batch,), weighed as the replay says."""
        of = F.smooth_l1_loss if self.settings.loss == "huber" else F.mse_loss
        return (torch.as_tensor(batch.weight) * of(value, goal.expand_as(value), reduction="none")).mean()

    def descend(self, name: str, loss: torch.Tensor, each: bool = False) -> None:
        """One step of an optimiser down a loss; see `learning.descent`."""
        descend(self.optimisers[name], loss, self.settings, self.updates, each)

    def get_state(self) -> dict:
        return super().get_state() | {
            "targets": {name: get_variables(target) for name, target in self.targets.items()},
            "optimisers": {name: get_optimiser(optimiser) for name, optimiser in self.optimisers.items()},
            "replay": self.replay.get_state(),
            "steps": self.steps,
            "rewards": self._rewards.copy(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        for name, target in self.targets.items():
            set_variables(target, state["targets"][name])
        for name, optimiser in self.optimisers.items():
            set_optimiser(optimiser, state["optimisers"][name])
        self.replay.set_state(state["replay"])
        self.steps, self._rewards = state["steps"], np.array(state["rewards"])


@torch.no_grad()
def follow(targets: list[torch.Tensor], sources: list[torch.Tensor], rate: float) -> None:
    """Moves targets a share of the way to the sources; all of it copies them."""
    if rate == 1.0:
        torch._foreach_copy_(targets, sources)
    else:
        torch._foreach_lerp_(targets, sources, rate)
