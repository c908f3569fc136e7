"""What every controller of an arm begins with: the arm's model, and an observation taken apart."""

from typing import Any

import numpy as np
from gymnasium import spaces

from control_bench.controllers.base import Controller, refuse_unless
from control_bench.dynamics.base import ArmModel
from control_bench.errors import BadInput


class ArmController(Controller):
    """For observations of joint angles (n,), joint rates (n,) and a target (dimensions,); actions are torques (n,).

    Args:
        model: the arm.
    """

    uses = ("model",)

    def __init__(
        self, observation_space: spaces.Space, action_space: spaces.Space, settings: Any = None, seed: int = 0, *,
        model: ArmModel,
    ) -> None:  # fmt: skip
        super().__init__(observation_space, action_space, settings, seed)
        n = model.joints
        if observation_space.shape != (2 * n + model.dimensions,) or action_space.shape != (n,):
            raise BadInput(
                f"{type(self).__name__} can't be used here: arm {model.name} has {n} joints, observations are "
                f"{observation_space.shape} and actions {action_space.shape}: give it that arm's task"
            )
        self.model = model
        self._target: np.ndarray | None = None

    def begin(self, seed: int) -> None:
        super().begin(seed)
        self._target = None

    def is_new(self, target: np.ndarray) -> bool:
        """Whether a target is another than at the last call, or the episode's first."""
        if self._target is not None and np.array_equal(target, self._target):
            return False
        self._target = target.copy()
        return True

    def joints_at(self, target: np.ndarray, near: np.ndarray, tolerance: float) -> np.ndarray:
        """The joint angles (n,) that put the hand on a target; BadInput where it can't reach."""
        q = self.model.inverse_kinematics(target, near, tolerance)
        if q is None:
            self._target = None  # asked for again, it is refused again
            who, where = type(self).__name__.lower(), np.asarray(target).tolist()
            raise BadInput(f"{who}: the target {where} is out of the arm's reach: bring it nearer")
        return q

    @classmethod
    def refuses(cls, observation_space, action_space):
        return refuse_unless(observation_space, action_space, spaces.Box, spaces.Box)

    def torque(self, q: np.ndarray, v: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The torques (n,), N m, for joint angles (n,), rad, rates (n,), rad/s, and a target (dimensions,), m."""
        raise NotImplementedError

    def act(self, observation: np.ndarray) -> np.ndarray:
        """The torques for an observation, within the arm's limits; BadInput where it is not finite."""
        if not np.isfinite(observation).all():
            raise BadInput(f"the joints' state or the target is not finite: {observation.tolist()}: check the sensors")
        n = self.model.joints
        torque = self.torque(observation[:n], observation[n : 2 * n], observation[2 * n :])
        return np.minimum(np.maximum(torque, -self.model.torque), self.model.torque)  # np.clip takes five times as long
