"""Operational space control (Khatib, 1987): a spring in hand space, shaped by the inertia that the hand feels.

u = J^T M_x kp (x* - x) - M kv q', with the weight held up, as studywolf's control suite has it; joints to spare are
drawn to a resting posture by what the hand does not feel.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from control_bench.controllers.arm import ArmController
from control_bench.errors import BadInput
from control_bench.settings import require_positive

SINGULAR = 1e-5
"""The ratio of a Jacobian's least to its largest singular value below which a pose counts as singular."""


@dataclass(frozen=True)
class OSCSettings:
    """stiffness: kp, 1/s^2. damping: kv, 1/s; by default twice the root of kp, which does not overshoot.
    posture: kp of joints to spare, 1/s^2."""

    stiffness: float = 60.0
    damping: float | None = None
    posture: float = 60.0

    def __post_init__(self) -> None:
        require_positive(self, "stiffness", "posture")
        if self.damping is not None:
            require_positive(self, "damping")

    @property
    def kv(self) -> float:
        return 2.0 * self.stiffness**0.5 if self.damping is None else self.damping


@njit(cache=True)
def _pull(jacobian, mass, pull, lean, brake):
    """The joints' torques for the hand's acceleration `pull` (d,), that of joints to spare `lean` (n,) and of all
    `brake` (n,); None where the pose is singular. The whole law at once: in pieces numpy's calls take most of it."""
    joints = np.ascontiguousarray(jacobian.T)
    square = np.linalg.eigvalsh(jacobian @ joints)  # of the singular values, from the least
    if square[0] < SINGULAR**2 * square[-1]:
        return None
    inverse = np.linalg.inv(mass)
    felt = np.linalg.inv(jacobian @ inverse @ joints)
    torque = joints @ (felt @ pull) - mass @ brake
    if len(mass) > len(felt):
        leaning = mass @ lean
        torque += leaning - joints @ (felt @ (jacobian @ (inverse @ leaning)))
    return torque


class OSC(ArmController):
    """See the module."""

    Settings = OSCSettings

    def torque(self, q: np.ndarray, v: np.ndarray, target: np.ndarray) -> np.ndarray:
        s, model = self.settings, self.model
        pull, lean = s.stiffness * (target - model.hand(q)), s.posture * (model.rest - q)
        torque = _pull(model.jacobian(q), model.mass_matrix(q), pull, lean, s.kv * v)
        if torque is None:
            raise BadInput(f"osc: the pose {np.round(q, 4).tolist()} is singular, the hand can't be pulled every way: "
                           "start with the elbow bent")  # fmt: skip
        return torque + model.bias(q, np.zeros_like(v))
