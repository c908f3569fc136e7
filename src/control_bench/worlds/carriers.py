"""What carries the pole: a cart that is pushed, and the scene of cartpole++ with its faults or without."""

import functools
from collections.abc import Sequence

import numpy as np

from control_bench.dynamics.bullet import GRAVITY, Bullet, pybullet
from control_bench.worlds.boxes import urdf
from control_bench.worlds.cartpole import PHYSICS_STEP

POLE_AT = (0.0, 0.0, 0.35)
"""m"""


class BulletScene:
    """A scene (`worlds/cartpole.py`) in a pybullet of its own, which goes back to rest by a saved state."""

    def __init__(self) -> None:
        self.bullet = bullet = Bullet()
        bullet.setGravity(*GRAVITY)
        bullet.setTimeStep(PHYSICS_STEP)
        bullet.setPhysicsEngineParameter(deterministicOverlappingPairs=1)
        self._rest: int | None = None
        # Looked up once: BulletClient looks for a function's name again at every call, which is a tenth of a step.
        self._advance, self._push, self._where = (
            functools.partial(function, physicsClientId=bullet._client)
            for function in (
                pybullet.stepSimulation,
                pybullet.applyExternalForce,
                pybullet.getBasePositionAndOrientation,
            )
        )

    def _load(self, name: str, position: Sequence[float] = (0.0, 0.0, 0.0)) -> int:
        return self.bullet.loadURDF(str(urdf(name)), position, flags=pybullet.URDF_USE_INERTIA_FROM_FILE)

    def _idle(self) -> None:
        """A step of physics in which nothing is asked for."""
        self._advance()

    def settle(self, steps: int) -> None:
        for _ in range(steps):
            self._idle()
        self._rest = self.bullet.saveState()

    def restore(self) -> None:
        self.bullet.restoreState(self._rest)


class Cart(BulletScene):
    """The cart on the floor."""

    height = 0.075
    """m, of the cart's middle at the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self._floor = self._load("ground")
        self._cart, self._pole = self._load("cart", (0.0, 0.0, self.height)), self._load("pole", POLE_AT)

    def apply(self, force: Sequence[float], steps: int) -> None:
        """At the cart's centre, wherever it has got to."""
        cart, force = self._cart, (float(force[0]), float(force[1]), 0.0)
        for _ in range(steps):
            self._push(cart, -1, force, self._where(cart)[0], pybullet.WORLD_FRAME)
            self._advance()

    def poses(self) -> np.ndarray:
        (cart, turned), (pole, leaning) = self._where(self._cart), self._where(self._pole)
        return np.array((cart + turned, pole + leaning))


class ArticleCart(Cart):
    """As the article's code has it: a force acts one step late, and at the world's origin, so that it turns a cart
    that is away from there; the pole begins 5 mm deep in the cart, which throws it about a little."""

    height = 0.08

    def restore(self) -> None:
        self._advance()  # a force that still waits for its step would wait for the next episode's first one
        super().restore()

    def apply(self, force: Sequence[float], steps: int) -> None:
        force = (float(force[0]), float(force[1]), 0.0)
        for _ in range(steps):
            self._advance()
            self._push(self._cart, -1, force, (0.0, 0.0, 0.0), pybullet.WORLD_FRAME)
