"""reach with the KUKA: its meshes as pybullet draws them, its hand's path and the targets in space."""

import numpy as np
from PIL import Image

from control_bench.bench.hand_plots import BACK
from control_bench.bench.pictures.base import SIZE, Canvas
from control_bench.bench.pictures.perspective import Perspective, studio
from control_bench.bench.pictures.reach import OUT, TARGET, ReachPicture
from control_bench.bench.plot_style import INK
from control_bench.dynamics.models import KUKA
from control_bench.worlds.renderer import Camera

EYE, MIDDLE, VIEW = (1.75, -1.25, 0.95), (0.2, 0.0, 0.42), 34.0
"""m; degrees"""
FINE = 2
"""Less than other pictures': pybullet takes the longer, the larger it is."""
LIGHT = np.array([2.0, -1.0, 4.0])
SHADOW, THICK = "#cdd1d8", 26.0
"""Of the shadow on the floor, px."""


class KukaPicture(ReachPicture):
    """The arm in a pybullet of its own, so that no other's moves."""

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        from control_bench.dynamics.kuka import KUKA_URDF, Bullet  # they want pybullet, which is an extra

        self._bullet = Bullet()
        self._body = self._bullet.loadURDF(str(KUKA_URDF), useFixedBase=True)
        view = self._bullet.computeViewMatrix(EYE, MIDDLE, (0.0, 0.0, 1.0))
        lens = self._bullet.computeProjectionMatrixFOV(VIEW, 1.0, 0.1, 10.0)
        self._camera = {
            "width": FINE * SIZE, "height": FINE * SIZE, "viewMatrix": view, "projectionMatrix": lens, "shadow": 0,
            "lightDirection": LIGHT.tolist(), "lightAmbientCoeff": 0.6, "lightDiffuseCoeff": 0.5,
            "lightSpecularCoeff": 0.1, "renderer": self._bullet.ER_TINY_RENDERER,
        }  # fmt: skip
        self.perspective = Perspective(Camera(EYE, MIDDLE, VIEW))
        self._studio = studio(FINE)
        self.perspective.floor(self._studio, 0.0, np.array(MIDDLE[:2]), np.zeros(2))

    @classmethod
    def suits(cls, task, episode) -> bool:
        return super().suits(task, episode) and task.model.name == KUKA

    def draw(self, moment: int) -> Image.Image:
        canvas = self._studio.copy()
        for joint, angle in enumerate(self.angles[moment]):
            self._bullet.resetJointState(self._body, joint, angle)
        self._draw_shadow(canvas)
        self._draw_arm(canvas)
        self._draw_targets(canvas, moment)
        way = self.hands[: moment + 1]
        for leg, colour in ((way[: self.turn + 1], OUT), (way[self.turn :], BACK)):
            if len(leg) > 1:
                self.perspective.polyline(canvas, leg, "#ffffffd0", 4.6)
                self.perspective.polyline(canvas, leg, colour, 2.6)
        canvas.disc(self.perspective(self.hands[moment]), 4.5, "#ffffff", INK, 1.4)
        return canvas.finish()

    def _draw_shadow(self, canvas: Canvas) -> None:
        states = self._bullet.getLinkStates(self._body, list(range(self.model.joints)), computeForwardKinematics=True)
        links = np.array([(0.0, 0.0, 0.0), *(state[4] for state in states)])
        thrown = links - links[:, 2:] * LIGHT / LIGHT[2]
        canvas.line(self.perspective(thrown), SHADOW, THICK, round_ends=True)

    def _draw_arm(self, canvas: Canvas) -> None:
        _, _, colours, _, bodies = self._bullet.getCameraImage(**self._camera)
        shape = FINE * SIZE, FINE * SIZE
        arm = Image.fromarray(np.reshape(bodies, shape) >= 0)
        colours = Image.fromarray(np.reshape(colours, (*shape, 4)).astype(np.uint8, copy=False))
        canvas.image.paste(colours.convert("RGB"), mask=arm)

    def _draw_targets(self, canvas: Canvas, moment: int) -> None:
        places = self.perspective(self.others)
        if len(places) > 2:
            ring = self.model.circle(np.linspace(0.0, 2.0 * np.pi, 61))
            self.perspective.polyline(canvas, ring, "#6a6a6a60", 1.0)
        for place in places:
            canvas.disc(place, 4.0, "#ffffffd0", "#8a8a8a", 1.2)
        target = self.perspective(self.targets[moment])
        canvas.disc(target, 11.0, TARGET + "48")
        canvas.disc(target, 6.0, TARGET, "#ffffff", 1.5)
