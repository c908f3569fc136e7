"""pybullet's KUKA iiwa under gravity, as a model and as physics: its URDF, in a pybullet of its own.

The hand is the centre of mass of the last link. Derivatives come from differences of pybullet's inverse dynamics.
"""

import functools
import threading
from pathlib import Path

import numpy as np
import pybullet_data

from control_bench.dynamics.base import ArmModel
from control_bench.dynamics.bullet import GRAVITY, Bullet, pybullet

KUKA_URDF = Path(pybullet_data.getDataPath()) / "kuka_iiwa" / "model.urdf"
DIFFERENCE = 1e-6
"""rad and rad/s: half the width of the differences."""


def kuka_with(parts: str) -> str:
    """The text of that URDF with more links and joints, and its meshes by their whole paths."""
    text = KUKA_URDF.read_text().replace('filename="meshes', f'filename="{KUKA_URDF.parent}/meshes')
    return text.replace("</robot>", parts + "</robot>")


class KukaArm(ArmModel):
    """Seven joints, hand space in metres from the base, z up.

    Args:
        dt: seconds of a step, semi-implicit as pybullet's own.
    """

    name, joints, dimensions = "kuka", 7, 3
    start = np.array([0.0, 0.6, 0.0, -1.4, 0.0, 1.0, 0.0])
    radius, there = 0.1, 0.05
    plane = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    def __init__(self, dt: float = 0.01) -> None:
        self.dt, self.rest = dt, self.start.copy()
        self._bullet = Bullet()
        self._lock = threading.RLock()  # a planner may have a thread of its own
        self._body = self._bullet.loadURDF(str(KUKA_URDF), useFixedBase=True)
        self._bullet.setGravity(*GRAVITY)
        self._bullet.setTimeStep(dt)
        self._joints = list(range(self.joints))
        limits = [self._bullet.getJointInfo(self._body, joint) for joint in self._joints]
        self.torque, self.joint_names = (
            np.array([limit[10] for limit in limits]),
            [limit[1].decode() for limit in limits],
        )
        # The URDF's joint damping of 0.5 N m s is left out: pybullet applies it explicitly, which throws the last link,
        # of 0.001 kg m^2, about at any step above 4 ms.
        for link in range(-1, self.joints):
            self._bullet.changeDynamics(self._body, link, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0)
        # Without this every joint keeps a motor that brakes it.
        self._bullet.setJointMotorControlArray(
            self._body, self._joints, pybullet.VELOCITY_CONTROL, forces=[0.0] * self.joints
        )
        self.centre = self.hand(self.start)
        # A Jacobian is of a point in the link's own frame.
        self._point = self._bullet.getLinkState(self._body, self.joints - 1)[2]

    def _put(self, state: np.ndarray) -> None:
        for joint in self._joints:
            self._bullet.resetJointState(self._body, joint, state[joint], state[self.joints + joint])

    def advance(self, states: np.ndarray, torques: np.ndarray, active: np.ndarray) -> None:
        """Moves the active rows of states (rows, 14) on by one step of pybullet's, in place."""
        for row in np.flatnonzero(active):
            with self._lock:
                self._put(states[row])
                self._bullet.setJointMotorControlArray(
                    self._body, self._joints, pybullet.TORQUE_CONTROL, forces=torques[row].tolist()
                )
                self._bullet.stepSimulation()
                after = self._bullet.getJointStates(self._body, self._joints)
            states[row] = [joint[0] for joint in after] + [joint[1] for joint in after]

    def _inverse_dynamics(self, q: np.ndarray, v: np.ndarray, a: np.ndarray) -> np.ndarray:
        return np.array(self._bullet.calculateInverseDynamics(self._body, q.tolist(), v.tolist(), a.tolist()))

    def mass_matrix(self, q: np.ndarray) -> np.ndarray:
        return np.array(self._bullet.calculateMassMatrix(self._body, q.tolist()))

    def bias(self, q: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self._inverse_dynamics(q, v, np.zeros(self.joints))

    def step(self, state: np.ndarray, torque: np.ndarray) -> np.ndarray:
        q, v = state[: self.joints], state[self.joints :]
        v = v + self.dt * np.linalg.solve(self.mass_matrix(q), torque - self.bias(q, v))
        return np.concatenate([q + self.dt * v, v])

    def linearise(self, state: np.ndarray, torque: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, dt = self.joints, self.dt
        q, v = state[:n], state[n:]
        inverse = np.linalg.inv(self.mass_matrix(q))
        a, units = inverse @ (torque - self.bias(q, v)), np.eye(n) * DIFFERENCE
        at = functools.partial(self._inverse_dynamics, a=a)
        by_q = np.transpose([at(q + unit, v) - at(q - unit, v) for unit in units]) / (2 * DIFFERENCE)
        by_v = np.transpose([at(q, v + unit) - at(q, v - unit) for unit in units]) / (2 * DIFFERENCE)
        rates = np.hstack([-dt * inverse @ by_q, np.eye(n) - dt * inverse @ by_v])
        angles = np.hstack([np.eye(n), np.zeros((n, n))]) + dt * rates
        return np.vstack([angles, rates]), np.vstack([dt * dt * inverse, dt * inverse])

    def hand(self, q: np.ndarray) -> np.ndarray:
        with self._lock:
            self._put(np.concatenate([q, np.zeros(self.joints)]))
            return np.array(self._bullet.getLinkState(self._body, self.joints - 1, computeForwardKinematics=True)[0])

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        still = [0.0] * self.joints
        linear, _ = self._bullet.calculateJacobian(self._body, self.joints - 1, self._point, q.tolist(), still, still)
        return np.array(linear)
