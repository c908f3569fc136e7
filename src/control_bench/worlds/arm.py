"""An arm and the targets that are shown to its hand: torques in, joint angles and rates out.

Rows are parallel arms. The physics is that of the arm's model: compiled equations, or pybullet.
"""

import numpy as np

from control_bench.dynamics.base import ArmModel
from control_bench.errors import BadInput
from control_bench.worlds.base import Readings
from control_bench.worlds.disturbances import Delay, ForceField, Noise
from control_bench.worlds.targets import Targets


class ArmWorld:
    """Rows of one arm.

    Args:
        arm: its physics, kinematics and limits.
        targets: shown to the hands, an episode's start names the first. later: the others (count - 1, dimensions), m.
        field: on the hand. motor_noise: N m on the torques. sensor_noise: on angles and rates, rad and rad/s.
        delay: steps that the sensors lag behind.
    """

    def __init__(
        self, arm: ArmModel, targets: Targets, later: np.ndarray, field: ForceField | None = None,
        motor_noise: Noise | None = None, sensor_noise: Noise | None = None, delay: int = 0,
    ) -> None:  # fmt: skip
        self.arm, self.targets, self.rows = arm, targets, len(targets.leg)
        self._later = later
        self._field, self._motor_noise, self._sensor_noise = field, motor_noise, sensor_noise
        self.states, self._torques = np.zeros((self.rows, 2 * arm.joints)), np.zeros((self.rows, arm.joints))
        self._sensed = Delay(delay, self.rows, 2 * arm.joints)
        self._rngs = [np.random.default_rng(0) for _ in range(self.rows)]
        self._everyone = np.ones(self.rows, dtype=bool)

    def why_not(self, start: np.ndarray) -> str | None:
        """Why an episode can't start with joint angles (n,) and then a first target (dimensions,), or None if it
        can."""
        n = self.arm.joints
        if start.shape != (n + self.arm.dimensions,):
            return f"it should be {n} joint angles and a target of {self.arm.dimensions} coordinates"
        if not np.all(np.isfinite(start)):
            return "it is not finite"
        if self.arm.inverse_kinematics(start[n:], start[:n], 1e-4) is None:
            return f"the target {np.round(start[n:], 4).tolist()} is out of the arm's reach"
        return None

    def reset(self, rows: np.ndarray, starts: np.ndarray, rngs: list[np.random.Generator]) -> None:
        """Puts rows (k,) at rest at joint angles, and shows the first targets; starts (k, n + dimensions)."""
        n = self.arm.joints
        for row, rng in zip(rows, rngs, strict=True):
            self._rngs[row] = rng
        self.states[rows, :n], self.states[rows, n:], self._torques[rows] = starts[:, :n], 0.0, 0.0
        later = np.broadcast_to(self._later, (len(rows), *self._later.shape))
        self.targets.reset(rows, np.concatenate([starts[:, None, n:], later], axis=1))
        self._sensed.restart(rows, self.states[rows])

    def step(self, command: np.ndarray, active: np.ndarray | None = None) -> None:
        """Applies torques (rows, n), N m, within the arm's limits, for one step; BadInput where one is not finite."""
        active, n = self._everyone if active is None else active, self.arm.joints
        if not np.isfinite(command).all() and not np.isfinite(command[active]).all():
            raise BadInput(f"the torque {command[active].tolist()} is not finite: send finite N m")
        torques = np.minimum(np.maximum(command, -self.arm.torque), self.arm.torque)
        np.copyto(self._torques, torques, where=active[:, None])
        if self._motor_noise or self._field:
            self._disturb(torques, active)
        self.arm.advance(self.states, torques, active)
        if not np.isfinite(self.states).all():
            raise BadInput(f"arm {self.arm.name} went faster than numbers go: lower its force field, noise, or gains")
        self._sensed.push(self.states, active)
        self.targets.update(self.arm.hands(self.states), self.states[:, n:], active)

    def _disturb(self, torques: np.ndarray, active: np.ndarray) -> None:
        n = self.arm.joints
        for row in np.flatnonzero(active):
            q, v = self.states[row, :n], self.states[row, n:]
            if self._motor_noise:
                torques[row] += self._motor_noise.draw(self._rngs[row], n)
            if self._field:
                torques[row] += self._field.torque(self.arm.jacobian(q), v)

    def read(self) -> Readings:
        """`position` (rows, n), rad, and `velocity` (rows, n), rad/s, as sensed; `true_position` and `true_velocity`,
        as they are; `torque` (rows, n), N m, as commanded for the last step, within the limits; `target` (rows,
        dimensions), m."""
        n, truth = self.arm.joints, self.states.copy()
        sensed = self._sensed.values.copy()
        if self._sensor_noise:
            sensed += [self._sensor_noise.draw(rng, 2 * n) for rng in self._rngs]
        return {
            "position": sensed[:, :n],
            "velocity": sensed[:, n:],
            "true_position": truth[:, :n],
            "true_velocity": truth[:, n:],
            "torque": self._torques.copy(),
            "target": self.targets.shown(),
        }

    def get_state(self) -> dict:
        rngs = [rng.bit_generator.state for rng in self._rngs]
        sensed, targets = self._sensed.get_state(), self.targets.get_state()
        torques = self._torques.copy()
        return {"states": self.states.copy(), "torques": torques, "sensed": sensed, "targets": targets, "rngs": rngs}

    def set_state(self, state: dict) -> None:
        self.states[:], self._torques[:] = state["states"], state["torques"]
        self._sensed.set_state(state["sensed"])
        self.targets.set_state(state["targets"])
        for rng, value in zip(self._rngs, state["rngs"], strict=True):
            rng.bit_generator.state = value
