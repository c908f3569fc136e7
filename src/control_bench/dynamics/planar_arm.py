"""A planar arm as a model: the compiled equations with an arm's numbers in them."""

import math

import numpy as np

from control_bench.dynamics import planar
from control_bench.dynamics.arms import ARMS
from control_bench.dynamics.base import ArmModel, Trajectory


class PlanarArm(ArmModel):
    """An arm of `arms.ARMS` in a horizontal plane: no gravity.

    Args:
        name: of the arm. dt: seconds of a step. integrator: of `planar.INTEGRATORS`.
    """

    dimensions = 2

    def __init__(self, name: str = "two_link", dt: float = 0.01, integrator: str = "semi_implicit") -> None:
        self.name, self.dt, self.integrator = name, dt, integrator
        self.description = about = ARMS[name]
        self.joints, self.lengths = len(about.links), about.lengths
        self.joint_names = [f"joint_{i + 1}" for i in range(self.joints)]
        self.torque = np.full(self.joints, about.torque)
        self.rest, self.start, self.centre = np.array(about.rest), np.array(about.start), np.array(about.centre)
        self.radius, self.plane, self.there = about.radius, np.eye(2), about.there
        self.inertia, self.friction = about.inertia_matrix(), about.friction * np.eye(self.joints)
        self.constants = (self.inertia, self.friction, planar.INTEGRATORS[integrator], dt)
        """What the compiled functions take first."""

    def step(self, state: np.ndarray, torque: np.ndarray) -> np.ndarray:
        ahead = np.array(state, dtype=float)[None]
        self.advance(ahead, np.asarray(torque, dtype=float)[None], np.ones(1, dtype=bool))
        return ahead[0]

    def linearise(self, state: np.ndarray, torque: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, by_state, by_torque = self.linearise_rows(state[None], np.asarray(torque, dtype=float)[None])
        return by_state[0], by_torque[0]

    def linearise_rows(self, states: np.ndarray, torques: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One step of states (rows, 2n): those after it, and its derivatives (rows, 2n, 2n), (rows, 2n, n)."""
        rows, n = torques.shape
        ahead, by_state, by_torque = np.empty((rows, 2 * n)), np.empty((rows, 2 * n, 2 * n)), np.empty((rows, 2 * n, n))
        planar.linearise_rows(*self.constants, states, torques, ahead, by_state, by_torque)
        return ahead, by_state, by_torque

    def advance(self, states: np.ndarray, torques: np.ndarray, active: np.ndarray) -> None:
        planar.step_rows(*self.constants, states, torques, active)

    def follow(self, plan: Trajectory, scale: float, out: Trajectory) -> None:
        before = (plan.states, plan.torques, plan.corrections, plan.gains)
        planar.follow(*self.constants, self.torque, *before, scale, out.states, out.torques)

    def linearise_along(self, plan: Trajectory, by_state: np.ndarray, by_torque: np.ndarray) -> None:
        planar.linearise_along(*self.constants, plan.states, plan.torques, by_state, by_torque)

    def mass_matrix(self, q: np.ndarray) -> np.ndarray:
        return self._equations(q, np.zeros(self.joints))[0]

    def bias(self, q: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self._equations(q, v)[1]

    def _equations(self, q: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mass, bias = np.empty((self.joints, self.joints)), np.empty(self.joints)
        planar.equations(self.inertia, self.friction, q, v, mass, bias)
        return mass, bias

    def hand(self, q: np.ndarray) -> np.ndarray:
        x = np.empty(2)
        planar.hand(self.lengths, q, x)
        return x

    def hands(self, states: np.ndarray) -> np.ndarray:
        x = np.empty((len(states), 2))
        planar.hand_rows(self.lengths, states, x)
        return x

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        by_q = np.empty((2, self.joints))
        planar.jacobian(self.lengths, q, by_q)
        return by_q

    def energy(self, state: np.ndarray) -> float:
        """Kinetic, J; there is no other in a horizontal plane."""
        v = state[self.joints :]
        return float(0.5 * v @ self.mass_matrix(state[: self.joints]) @ v)

    def inverse_kinematics(self, target: np.ndarray, q: np.ndarray, tolerance: float = 1e-9) -> np.ndarray | None:
        """Two links in closed form, the elbow bent to the side it is bent to in q; more links as any arm's."""
        if self.joints != 2:
            return super().inverse_kinematics(target, q, tolerance)
        upper, lower = self.lengths
        cosine = (target @ target - upper**2 - lower**2) / (2.0 * upper * lower)
        if not abs(cosine) <= 1.0:
            return None
        elbow = math.copysign(math.acos(cosine), math.sin(q[1]) if math.sin(q[1]) else 1.0)
        shoulder = math.atan2(target[1], target[0]) - math.atan2(lower * math.sin(elbow), upper + lower * cosine)
        near = np.array([shoulder, elbow])
        return near + 2.0 * np.pi * np.round((q - near) / (2.0 * np.pi))
