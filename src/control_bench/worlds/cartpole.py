"""cartpole++: a pole that stands on a cart, not attached to it, and forces that push the cart about; in pybullet.

Source: matpalm's cartpole++ (2016). The episodes begin with a push: from rest, the cart is pushed one way for a while.
Rows are parallel scenes, each a pybullet of its own.
"""

import math
from array import array
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from control_bench.errors import BadInput
from control_bench.worlds.base import Readings
from control_bench.worlds.renderer import Renderer

PHYSICS_STEP = 1.0 / 240.0
"""s, Bullet's own."""
SETTLING = 100
"""Physics steps that the scene is given to come to rest."""
PUSHING = 30
"""Physics steps that the first push lasts."""


class Scene(Protocol):
    """One scene of a pole on something that carries it."""

    def settle(self, steps: int) -> None:
        """Lets it come to rest; `restore` goes back to there, to the last bit."""

    def restore(self) -> None: ...

    def apply(self, force: Sequence[float], steps: int) -> None:
        """Pushes the carrier with a force (2,), N, for some steps of physics."""

    def poses(self) -> np.ndarray:
        """Of the carrier and the pole (2, 7): x y z, m, and the quaternion x y z w."""


class CartpoleWorld:
    """Rows of one scene.

    Args:
        scenes: one a row. repeats: readings of the sensors in a control step. steps: of physics between two readings.
        push: force of the push that an episode begins with, N. renderer: draws what the cameras see, None for blind.
    """

    def __init__(
        self, scenes: list[Scene], repeats: int = 2, steps: int = 5, push: float = 55.0,
        renderer: Renderer | None = None,
    ) -> None:  # fmt: skip
        self.rows, self._scenes = len(scenes), scenes
        self._repeats, self._steps, self._push = repeats, steps, push
        self.renderer = renderer
        self._poses = np.zeros((self.rows, repeats, 2, 7))
        self._force = np.zeros((self.rows, 2))
        self._images = None if renderer is None else np.zeros((self.rows, repeats, *renderer.shape), np.uint8)
        self._starts = np.zeros((self.rows, 1))
        self._commands = [array("d") for _ in range(self.rows)]
        for row, scene in enumerate(scenes):
            scene.settle(SETTLING)
            self._poses[row] = scene.poses()

    def why_not(self, start: np.ndarray) -> str | None:
        """Why an episode can't start with a push at an angle (1,), rad, or None if it can."""
        if start.shape != (1,) or not np.isfinite(start).all():
            return "it should be one finite angle, rad, that the cart is pushed at"
        return None

    def reset(self, rows: np.ndarray, starts: np.ndarray, rngs: list[np.random.Generator]) -> None:
        """Puts rows (k,) at rest, and pushes their carts at angles (k, 1), rad; all that is random is the angle."""
        for row, (angle,) in zip(rows, starts, strict=True):
            scene = self._scenes[row]
            scene.restore()
            if self._push:
                scene.apply(self._push * np.array([np.cos(angle), np.sin(angle)]), PUSHING)
            self._poses[row] = scene.poses()  # all repeats hold the same
            if self._images is not None:
                self.renderer.draw(self._poses[row, 0], self._images[row, 0])
                self._images[row, 1:] = self._images[row, 0]
            self._starts[row], self._force[row], self._commands[row] = angle, 0.0, array("d")

    def step(self, command: np.ndarray, active: np.ndarray | None = None) -> None:
        """Applies forces (rows, 2), N, for one control step; BadInput where one is not finite."""
        rows = range(self.rows) if active is None else np.flatnonzero(active)
        if not math.isfinite(command.sum()) and not np.isfinite(command[rows]).all():
            raise BadInput(f"the force {command[rows].tolist()} is not finite: send finite N")
        for row in rows:
            self._step(row, command[row].tolist())

    def _step(self, row: int, force: Sequence[float]) -> None:
        for repeat in range(self._repeats):
            self._scenes[row].apply(force, self._steps)
            self._poses[row, repeat] = self._scenes[row].poses()
            if self._images is not None:
                self.renderer.draw(self._poses[row, repeat], self._images[row, repeat])
        self._force[row] = force
        self._commands[row].extend(force)

    def read(self) -> Readings:
        """`poses` (rows, repeats, 2, 7): of cart and pole, x y z, m, and the quaternion x y z w; `force` (rows, 2), N,
        of the last step; `images` (rows, repeats, cameras, height, width, 3), 0 to 255, where there is a renderer."""
        readings = {"poses": self._poses.copy(), "force": self._force.copy()}
        if self._images is not None:
            readings["images"] = self._images.copy()
        return readings

    def get_state(self) -> dict:
        """How each row came to where it is: Bullet keeps more than it tells, but a scene goes the same way again."""
        return {"starts": self._starts.copy(), "commands": [np.array(c).reshape(-1, 2) for c in self._commands]}

    def set_state(self, state: dict) -> None:
        self.reset(np.arange(self.rows), state["starts"], [])
        for row, commands in enumerate(state["commands"]):
            for force in commands:
                self._step(row, force)
