"""Springs and dampers on the joints, to the angles that inverse kinematics gives: the floor that others stand on."""

from dataclasses import dataclass

import numpy as np

from control_bench.controllers.arm import ArmController
from control_bench.settings import require_positive


@dataclass(frozen=True)
class PDSettings:
    """frequency: of a joint that turns alone, rad/s. ratio: of its damping, 1 where it just does not overshoot."""

    frequency: float = 8.0
    ratio: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self, "frequency", "ratio")


class PD(ArmController):
    """Knows the arm's lengths, its weight and each joint's own inertia; not how joints act on each other."""

    Settings = PDSettings

    def torque(self, q: np.ndarray, v: np.ndarray, target: np.ndarray) -> np.ndarray:
        if self.is_new(target):
            self._goal = self.joints_at(target, q, 1e-6)
            self._inertia = np.diag(self.model.mass_matrix(self._goal))
        weight = self.model.bias(q, np.zeros_like(v))
        frequency, ratio = self.settings.frequency, self.settings.ratio
        return self._inertia * (frequency**2 * (self._goal - q) - 2.0 * ratio * frequency * v) + weight
