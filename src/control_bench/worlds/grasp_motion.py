"""How a hand grasps: over to the grasp, down, close, up, shake; a set point that moves smoothly from phase to phase."""

import math

import numpy as np

from control_bench.worlds.hands import PHYSICS_STEP, Hand
from control_bench.worlds.phase import Phase

HOME = (0.0, -0.55, 0.35, 0.0)
"""x y z, m, and yaw, rad: out of the camera's sight."""
TRAVEL, DESCEND, LIFT = 0.5, 0.25, 0.3
"""m/s"""
TURN = 4.0
"""rad/s"""
HOVER = 0.12
"""m above the grasp from where the hand goes straight down; from below half of it, its aim stands."""
LEAST_HOVER = 0.22
"""m: nothing on the table is as high as fingertips that travel so."""
HOLD_AT = 0.3
"""m, to where it lifts."""
CLOSING, SETTLING, SHAKING = 0.5, 0.15, 1.0
"""s: that the jaws are given, that the hand is given to come to rest before them, and that it shakes."""
SHAKE, BEAT = 0.02, 2.0
"""m to either side, along x and z, and Hz."""


class GraspMotion:
    """Moves a hand from its home through one grasp."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self.restart()

    def restart(self) -> None:
        """Home, at once, with open jaws."""
        self.phase, self._point, self._time = Phase.HOME, np.array(HOME), 0.0
        self._target = np.array(HOME)
        self.hand.reset(HOME[:3], HOME[3])

    @property
    def committed(self) -> bool:
        """Whether another command would come too late."""
        close = self.phase == Phase.DESCEND and self._point[2] - self._target[2] < HOVER / 2.0
        return close or self.phase > Phase.DESCEND

    def command(self, grasp: np.ndarray) -> None:
        """A grasp (4,): x y z, m, and yaw, rad; the jaws are alike, so it turns the shorter way."""
        if self.committed:
            return
        turn = math.remainder(grasp[3] - self._point[3], math.pi)
        self._target = np.array([*grasp[:3], self._point[3] + turn])
        if self.phase == Phase.HOME:
            self.phase = Phase.TRAVEL

    def step(self) -> None:
        """Sets the motors for one step of physics."""
        self._time += PHYSICS_STEP
        x, y, z, yaw = self._target
        if self.phase == Phase.TRAVEL:
            if self._go((x, y, max(z + HOVER, LEAST_HOVER), yaw), TRAVEL):
                self._enter(Phase.DESCEND)
        elif self.phase == Phase.DESCEND:
            if not self._go(self._target, DESCEND):
                self._time = 0.0
            elif self._time > SETTLING:
                self._enter(Phase.CLOSE)
                self.hand.close()
        elif self.phase == Phase.CLOSE and self._time > CLOSING:
            self._enter(Phase.LIFT)
        elif self.phase == Phase.LIFT and self._go((x, y, HOLD_AT, yaw), LIFT):
            self._enter(Phase.SHAKE)
        elif self.phase == Phase.SHAKE:
            swing = SHAKE * math.sin(2.0 * math.pi * BEAT * self._time)
            self._point[:3] = x + swing, y, HOLD_AT + swing
            if self._time > SHAKING:
                self._enter(Phase.DONE)
        self.hand.aim(self._point[:3], self._point[3])

    def _enter(self, phase: Phase) -> None:
        self.phase, self._time = phase, 0.0

    def _go(self, point, speed: float) -> bool:
        """Moves the set point towards another, no faster than that; whether it is there."""
        away = np.asarray(point) - self._point
        distance = float(np.linalg.norm(away[:3]))
        share = min(1.0, speed * PHYSICS_STEP / max(distance, 1e-12), TURN * PHYSICS_STEP / max(abs(away[3]), 1e-12))
        self._point += share * away
        return share == 1.0
