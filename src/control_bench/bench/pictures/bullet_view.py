"""What a pybullet holds, as it draws it itself, on a floor of ours."""

import numpy as np
from PIL import Image

from control_bench.bench.pictures.base import SIZE, Canvas
from control_bench.bench.pictures.perspective import SHADOW, Perspective, studio
from control_bench.worlds.renderer import Camera

FINE = 2
"""Less than other pictures': pybullet takes the longer, the larger it is."""
LIGHT = np.array([2.0, -1.0, 4.0])


class BulletView:
    """Args: bullet: with the bodies. camera: from where, m.

    Attributes:
        perspective: of the camera.
    """

    def __init__(self, bullet, camera: Camera) -> None:
        self._bullet, self.perspective = bullet, Perspective(camera)
        view = bullet.computeViewMatrix(camera.eye, camera.target, (0.0, 0.0, 1.0))
        lens = bullet.computeProjectionMatrixFOV(camera.view, 1.0, 0.1, 10.0)
        self._camera = {
            "width": FINE * SIZE, "height": FINE * SIZE, "viewMatrix": view, "projectionMatrix": lens, "shadow": 0,
            "lightDirection": LIGHT.tolist(), "lightAmbientCoeff": 0.6, "lightDiffuseCoeff": 0.5,
            "lightSpecularCoeff": 0.1, "renderer": bullet.ER_TINY_RENDERER,
        }  # fmt: skip
        self._studio = studio(FINE)
        self.perspective.floor(self._studio, 0.0, np.array(camera.target[:2]), np.zeros(2))

    def begin(self) -> Canvas:
        """A canvas with the floor."""
        return self._studio.copy()

    def draw_shadow(self, canvas: Canvas, points: np.ndarray, width: float) -> None:
        """Of a body along points (n, 3), m, on the floor; so many pixels wide."""
        canvas.line(self.perspective(points - points[:, 2:] * LIGHT / LIGHT[2]), SHADOW, width, round_ends=True)

    def draw_arm_shadow(self, canvas: Canvas, body: int, joints: int) -> None:
        states = self._bullet.getLinkStates(body, list(range(joints)), computeForwardKinematics=True)
        self.draw_shadow(canvas, np.array([(0.0, 0.0, 0.0), *(state[4] for state in states)]), 26.0)

    def draw_bodies(self, canvas: Canvas) -> None:
        _, _, colours, _, bodies = self._bullet.getCameraImage(**self._camera)
        shape = FINE * SIZE, FINE * SIZE
        seen = Image.fromarray(np.reshape(bodies, shape) >= 0)
        colours = Image.fromarray(np.reshape(colours, (*shape, 4)).astype(np.uint8, copy=False))
        canvas.image.paste(colours.convert("RGB"), mask=seen)
