"""REINFORCE: what was drawn is made more likely by how much it earned in the end (Williams, 1992).

The gradient of what is expected is that of log p(action) times the return, a mean over steps that were drawn: so the
action taken is in the loss. Returns are of whole episodes, measured from what was expected where there is a baseline,
and standardised over those that are learned from at once. Source of the settings: the "likelihood ratio" agent of
matpalm's cartpole++ (2016), which gives every step the return of its episode, `credit: episode`.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from control_bench.controllers.base import Transitions
from control_bench.learning.baseline import LinearBaseline
from control_bench.learning.on_policy import OnPolicyLearner, OnPolicySettings
from control_bench.learning.rollout import Steps, advantages, elapsed, standardised
from control_bench.settings import require_positive


@dataclass(frozen=True)
class ReinforceSettings(OnPolicySettings):
    """Attributes, beside those of the policy:

    episodes: that are learned from at once. credit: what a step is judged by, what its episode earned from there on
        (ahead), or all that it earned (episode). discount: 1 counts all rewards alike.
    baseline: none; or linear, see `learning/baseline.py`.
    """

    learning_rate: float = 0.005
    clip_gradient: float = 5.0
    discount: float = 1.0
    episodes: int = 10
    credit: Literal["ahead", "episode"] = "ahead"
    baseline: Literal["none", "linear"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "episodes")


class Reinforce(OnPolicyLearner):
    """Learns from the first episodes that begin after an update, whichever end first: those that end first are the
    short ones. What other rows do until then is left out. The time limit ends an episode as any other end does.
    """

    Settings = ReinforceSettings

    def __init__(self, observation_space, action_space, settings=None, seed: int = 0, **told: Any) -> None:
        super().__init__(observation_space, action_space, settings, seed, **told)
        # Of every row: whether an episode begins with the next step, and whether the one under way counts.
        self._begins, self._counts = np.ones(0, dtype=bool), np.zeros(0, dtype=bool)
        self._whole = 0
        self._baseline = LinearBaseline()

    def full(self):
        return self._whole >= self.settings.episodes

    def learn(self, transitions: Transitions) -> None:
        t, ended = transitions, transitions.terminated | transitions.truncated
        if len(self._begins) != len(ended):
            self._begins, self._counts = np.ones(len(ended), dtype=bool), np.zeros(len(ended), dtype=bool)
        for row in np.flatnonzero(t.valid & self._begins):
            self._counts[row] = self._whole + self._counts.sum() < self.settings.episodes
        self._counts &= t.valid  # an episode that was cut off makes room for another
        self._begins = ended | ~t.valid
        self._whole += int((self._counts & ended).sum())
        super().learn(replace(t, valid=self._counts))
        self._counts &= ~ended

    def learn_from(self, steps: Steps):
        self._whole = 0
        known, earned = returns(steps, self.settings.discount, self.settings.credit)
        steps = replace(steps, valid=known)
        distribution = self.networks["policy"](steps.kept(steps.observation))
        weight = steps.kept(earned).new_tensor(standardised(self._better(steps, earned[known])))
        loss = -(weight * distribution.log_prob(steps.kept(steps.draw))).mean()
        self.descend(loss)
        return {"loss": float(loss.detach()), "entropy": float(distribution.entropy().detach().mean())}

    @torch.no_grad()
    def _better(self, steps: Steps, earned: np.ndarray) -> np.ndarray:
        """How much more than expected each step's return is (count,)."""
        if self.settings.baseline == "none":
            return earned
        features = self.networks["policy"].encoder(steps.kept(steps.observation)).numpy()
        time = elapsed(steps)[steps.valid]
        better = earned - self._baseline.foresee(features, time)
        self._baseline.fit(features, time, earned)
        return better

    def get_state(self) -> dict:
        rows = {"begins": self._begins.copy(), "counts": self._counts.copy(), "whole": self._whole}
        return super().get_state() | rows | {"baseline": self._baseline.weights}

    def set_state(self, state: dict) -> None:
        super().set_state(state)
        self._begins, self._counts = np.array(state["begins"]), np.array(state["counts"])
        self._whole = state["whole"]
        self._baseline.weights = None if state["baseline"] is None else np.array(state["baseline"])


def returns(steps: Steps, discount: float, credit: str) -> tuple[np.ndarray, np.ndarray]:
    """Which steps are of a whole episode, bool (steps, rows), and what each is judged by (steps, rows)."""
    ended, nothing = steps.terminated | steps.truncated, np.zeros(steps.reward.shape)
    earned = advantages(steps, nothing, nothing, discount, 1.0)
    known, row = np.zeros(ended.shape, dtype=bool), np.zeros(ended.shape[1], dtype=bool)
    for step in reversed(range(len(ended))):
        row = steps.valid[step] & (ended[step] | row)
        known[step] = row
    if credit == "episode":
        for step in range(1, len(ended)):
            goes_on = steps.valid[step] & steps.valid[step - 1] & ~ended[step - 1]
            earned[step] = np.where(goes_on, earned[step - 1], earned[step])
    return known, earned
