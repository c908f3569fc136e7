"""A recurrent network that was trained through the arm's physics by augmented Hessian-free learning.

Source: DeWolf's thesis and articles (2015, 2016): two recurrent layers see where the joints should be, where they are
and how fast they go, and give torques. Two things that theirs has are left out, as they change nothing: an input for
the target's rates, which are always zero, and twice as many outputs, added up in pairs.
"""

from dataclasses import dataclass

import numpy as np
import torch

from control_bench.controllers.arm import ArmController
from control_bench.controllers.base import Trainable
from control_bench.dynamics.planar_arm import PlanarArm
from control_bench.errors import BadInput
from control_bench.learning.networks import get_variables, seeded, set_variables
from control_bench.learning.reach_training import ReachTrainingSettings
from control_bench.learning.recurrent import RecurrentPolicy
from control_bench.settings import require, require_positive

SPAN, RATE = 0.3, 3.0
"""rad and rad/s that the network sees as 1."""
MOST_UNITS = 1024
"""Of a layer: a second-order update of more needs more memory than there is."""


@dataclass(frozen=True)
class AHFSettings:
    """units: of each layer. spread: standard deviation of the initial weights; larger ones make the arm fling about at
    first, and training slow."""

    units: int = 32
    spread: float = 0.3

    def __post_init__(self) -> None:
        require_positive(self, "units", "spread")
        require(
            self.units <= MOST_UNITS, f"units: {self.units} are more than can be trained: give {MOST_UNITS} at most"
        )


class AHF(ArmController, Trainable):
    """See the module. For the planar arms."""

    Settings = AHFSettings
    Training = ReachTrainingSettings
    trainer = "control_bench.learning.reach_training:ReachTrainer"

    def __init__(self, observation_space, action_space, settings=None, seed: int = 0, *, model) -> None:
        super().__init__(observation_space, action_space, settings, seed, model=model)
        if not isinstance(model, PlanarArm):
            raise BadInput(f"ahf is trained through a planar arm's equations, not arm {model.name}'s: take another arm")
        self.policy = seeded(lambda: RecurrentPolicy(3 * model.joints, self.settings.units, model.joints), seed)
        self.policy.reset(torch.Generator().manual_seed(seed), self.settings.spread)
        self.middle = self.goal_of(model.centre)
        self._middle = torch.as_tensor(self.middle)
        self._memory = None

    def goal_of(self, target: np.ndarray) -> np.ndarray:
        """The joint angles (n,) that the network is asked for; the same for a target wherever the arm is."""
        return self.joints_at(target, self.model.start, 1e-9)

    def observe(self, goal: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """What the network sees (rows, 3n) of goals (rows, n) and states (rows, 2n)."""
        n = self.model.joints
        return torch.cat(
            [(goal - self._middle) / SPAN, (state[:, :n] - self._middle) / SPAN, state[:, n:] / RATE], dim=1
        )

    def begin(self, seed: int) -> None:
        super().begin(seed)
        self._memory = None

    @torch.no_grad()
    def torque(self, q: np.ndarray, v: np.ndarray, target: np.ndarray) -> np.ndarray:
        if self.is_new(target):
            self._goal = torch.as_tensor(self.goal_of(target))[None]
        state = torch.as_tensor(np.concatenate([q, v]))[None]
        torque, self._memory = self.policy(self.observe(self._goal, state), self._memory)
        return torque[0].numpy()

    def get_policy(self) -> dict:
        return {"network": get_variables(self.policy), "arm": self.model.name, "dt": self.model.dt,
                "integrator": self.model.integrator}  # fmt: skip

    def set_policy(self, policy: dict) -> None:
        model = self.model
        for name, mine in (("arm", model.name), ("dt", model.dt), ("integrator", model.integrator)):
            if policy[name] != mine:
                raise BadInput(f"trained with {name} {policy[name]}, not {mine}: set task.{name}={policy[name]}")
        set_variables(self.policy, policy["network"])
