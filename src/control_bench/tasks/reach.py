"""reach: an arm's hand goes out to a target on a circle, and back to the circle's middle.

Source: studywolf's control suite (reach), which goes out only. An episode is one reach out and back: it ends when the
hand has been back ("reached" if both ends were, else "missed"), or when the time of the second leg is up. A step costs
dt (|torque|^2 + 1e4 |hand - target|^2); the reward is minus that.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from gymnasium import spaces
from numba import njit

from control_bench.dynamics.models import make_model
from control_bench.errors import BadInput
from control_bench.settings import require, require_positive
from control_bench.tasks.base import Judgement, Task
from control_bench.worlds.arm import ArmWorld
from control_bench.worlds.base import Readings
from control_bench.worlds.disturbances import ForceField, Noise
from control_bench.worlds.targets import Targets

DISTANCE_COST = 1e4
"""Per m^2 and s, beside 1 per (N m)^2 and s of torque."""
LEGS = 2
LONGEST = 100_000
"""Steps of a leg, at most."""
Memory = np.dtype([(name, np.float64) for name in ("error", "speed", "time", "path", "beeline", "effort")])
"""Of each leg: at its end, m and m/s; its time, s, the hand's way, m, and that as the crow flies; the torques' cost."""


@njit(cache=True)
def _account(torque, hands, points, leg, active, dt, last, memory, reward):
    """Adds a step of the active rows to their legs' time, way and effort, and says what it earned."""
    for row in range(len(reward)):
        effort, miss, way = 0.0, 0.0, 0.0
        for i in range(torque.shape[1]):
            effort += dt * torque[row, i] ** 2
        for i in range(hands.shape[1]):
            miss += (hands[row, i] - points[row, leg[row], i]) ** 2
            way += (hands[row, i] - last[row, i]) ** 2
            last[row, i] = hands[row, i]
        if active[row]:
            about = memory[row, leg[row]]
            about.effort += effort
            about.path += math.sqrt(way)
            about.time += dt
            reward[row] = -effort - dt * DISTANCE_COST * miss


@dataclass(frozen=True)
class ReachSettings:
    """What can be set of the task.

    Attributes:
        arm: two_link, todorov, three_link, kuka. dt: seconds of a step. integrator: of the planar arms.
        targets: how many there are on the circle; target: one of your own, m. start: joint angles, rad.
        leg_time: seconds that a target is shown at most; hold: that the hand must stay there.
        force_field: scale of the velocity-dependent field on the hand, 0 for none.
        motor_noise: N m; position_noise, velocity_noise: rad and rad/s; all standard deviations of every step's draw.
        delay: seconds that the joints' sensors lag.
    """

    arm: Literal["two_link", "todorov", "three_link", "kuka"] = "two_link"
    dt: float = 0.01
    integrator: Literal["semi_implicit", "explicit"] = "semi_implicit"
    targets: int = 8
    target: tuple[float, ...] | None = None
    start: tuple[float, ...] | None = None
    leg_time: float = 2.0
    hold: float = 0.0
    force_field: float = 0.0
    motor_noise: float = 0.0
    position_noise: float = 0.0
    velocity_noise: float = 0.0
    delay: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "dt", "targets", "leg_time")
        for name in ("hold", "motor_noise", "position_noise", "velocity_noise", "delay"):
            require(getattr(self, name) >= 0, f"{name}: {getattr(self, name)!r} should be 0 or more")
        require(self.leg_time >= self.dt, "leg_time: should be one dt or more")
        require(self.leg_time / self.dt <= LONGEST, f"leg_time: is more than {LONGEST} steps of dt: shorten it")
        require(self.hold < self.leg_time, "hold: should be less than leg_time, or no target is ever reached")
        require(self.delay < self.leg_time, "delay: should be less than leg_time")
        require(self.delay == 0 or self.delay >= self.dt, "delay: is less than a step of dt: make it 0, or dt or more")


class Reach(Task):
    """Readings used: `position`, `velocity`, `target` to act; the truth to judge. Commands: torques (rows, n), N m."""

    name = "reach"
    Settings = ReachSettings
    score_units = {"hand_error": "m", "hand_speed": "m/s", "time_to_target": "s", "effort": "(N m)² s"}
    observed = ("position", "velocity", "target")

    def __init__(self, settings: ReachSettings | None = None, rows: int = 1) -> None:
        super().__init__(settings or ReachSettings(), rows)
        s = self.settings
        self.model = make_model(s.arm, s.dt, s.integrator)
        self.step_duration = s.dt
        n, dimensions = self.model.joints, self.model.dimensions
        self._start = np.array(s.start if s.start is not None else self.model.start)
        self._check("start", self._start, n, "joints")
        if s.target is not None:
            self._check("target", np.array(s.target), dimensions, "coordinates")
        self.observation_space = spaces.Box(-np.inf, np.inf, (2 * n + dimensions,), np.float64)
        self.action_space = spaces.Box(-self.model.torque, self.model.torque, dtype=np.float64)
        self._targets = self._make_targets()
        self._memory = np.zeros((rows, LEGS), Memory)
        self._begun, self._hand = np.zeros((2, rows, dimensions))

    def _check(self, name: str, values: np.ndarray, count: int, what: str) -> None:
        if len(values) != count:
            raise BadInput(
                f"{name}: has {len(values)} numbers, arm {self.settings.arm} has {count} {what}: give {count}"
            )
        if name == "target" and self.model.inverse_kinematics(values, self._start, 1e-4) is None:
            raise BadInput(f"target: {values.tolist()} is out of the arm's reach: bring it nearer")

    def _make_targets(self) -> Targets:
        s = self.settings
        steps = [max(round(seconds / s.dt), least) for seconds, least in ((s.leg_time, 1), (s.hold, 0))]
        return Targets(self.rows, LEGS, self.model.dimensions, self.model.there, *steps)

    def make_world(self) -> ArmWorld:
        s, n = self.settings, self.model.joints
        physics = make_model(s.arm, s.dt, s.integrator)
        deviation = np.repeat([s.position_noise, s.velocity_noise], n)
        return ArmWorld(
            physics, self._make_targets(), self.model.centre[None],
            ForceField(s.force_field) if s.force_field else None,
            Noise(s.motor_noise) if s.motor_noise else None,
            Noise(deviation) if deviation.any() else None,
            round(s.delay / s.dt),
        )  # fmt: skip

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Joint angles (n,), rad, and then the target out (dimensions,), m."""
        if self.settings.target is not None:
            return np.concatenate([self._start, self.settings.target])
        angle = 2.0 * np.pi * rng.integers(self.settings.targets) / self.settings.targets
        return np.concatenate([self._start, self.model.circle(np.array([angle]))[0]])

    def observe(self, readings: Readings, first: np.ndarray) -> np.ndarray:
        return np.concatenate([readings[name] for name in self.observed], axis=1)

    def command(self, action: np.ndarray) -> np.ndarray:
        action = np.asarray(action, dtype=float)
        if action.shape[1:] != (self.model.joints,):
            numbers = action.shape[-1] if action.ndim > 1 else 1
            raise BadInput(f"a torque of {numbers} numbers: arm {self.settings.arm} has {self.model.joints} joints")
        return action

    def action(self, command: np.ndarray) -> np.ndarray:
        return command

    def applied(self, readings: Readings) -> np.ndarray:
        return readings["torque"]

    def judge(self, readings: Readings, first: np.ndarray) -> Judgement:
        targets, rates = self._targets, readings["true_velocity"]
        hands = self.model.hands(readings["true_position"])
        if first.any():
            self._begin(np.flatnonzero(first), readings["target"], hands)
        leg, reward = np.minimum(targets.leg, LEGS - 1), np.zeros(self.rows)
        _account(
            readings["torque"], hands, targets.points, leg, ~first, self.settings.dt, self._hand, self._memory, reward,
        )  # fmt: skip
        ended = targets.update(hands, rates, ~first, readings["target"])
        for row in np.flatnonzero(ended) if ended.any() else ():
            about = self._memory[row, leg[row]]
            about["error"] = np.linalg.norm(hands[row] - targets.points[row, leg[row]])
            about["speed"] = np.linalg.norm(self.model.jacobian(readings["true_position"][row]) @ rates[row])
            about["beeline"] = np.linalg.norm(hands[row] - self._begun[row])
            self._begun[row] = hands[row]
        over = targets.over & ~first
        reached = targets.reached.all(axis=1)
        return Judgement(reward, over & reached, over & ~reached)

    def _begin(self, rows: np.ndarray, shown: np.ndarray, hands: np.ndarray) -> None:
        back = np.broadcast_to(self.model.centre, (len(rows), self.model.dimensions))
        self._targets.reset(rows, np.stack([shown[rows], back], axis=1))
        self._memory[rows] = np.zeros((), Memory)
        self._begun[rows] = self._hand[rows] = hands[rows]

    def outcome(self, row: int) -> str:
        return "reached" if self._targets.reached[row].all() else "missed"

    def scores(self, row: int) -> dict[str, float]:
        """hand_error (m) and hand_speed (m/s): at the worse of the two ends. time_to_target (s): the legs' mean.
        straightness: a leg's beeline over its path, the legs' mean. effort: the sum of dt |torque|^2, (N m)^2 s."""
        m = self._memory[row]
        return {
            "hand_error": float(m["error"].max()),
            "hand_speed": float(m["speed"].max()),
            "time_to_target": float(m["time"].mean()),
            "straightness": float(np.mean(m["beeline"] / np.maximum(m["path"], 1e-9))),
            "effort": float(m["effort"].sum()),
        }

    def get_state(self) -> dict:
        memory = {name: self._memory[name].copy() for name in Memory.names}
        return {"targets": self._targets.get_state(), "memory": memory, "hand": self._hand.copy(),
                "begun": self._begun.copy()}  # fmt: skip

    def set_state(self, state: dict) -> None:
        self._targets.set_state(state["targets"])
        for name, values in state["memory"].items():
            self._memory[name] = values
        self._hand[:], self._begun[:] = state["hand"], state["begun"]
