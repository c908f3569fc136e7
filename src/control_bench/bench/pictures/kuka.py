"""reach with the KUKA: its meshes as pybullet draws them, its hand's path and the targets in space."""

import numpy as np
from PIL import Image

from control_bench.bench.hand_plots import BACK
from control_bench.bench.pictures.base import Canvas
from control_bench.bench.pictures.bullet_view import BulletView
from control_bench.bench.pictures.reach import OUT, TARGET, ReachPicture
from control_bench.bench.plot_style import INK
from control_bench.dynamics.models import KUKA
from control_bench.worlds.renderer import Camera

CAMERA = Camera((1.75, -1.25, 0.95), (0.2, 0.0, 0.42), 34.0)


class KukaPicture(ReachPicture):
    """The arm in a pybullet of its own, so that no other's moves."""

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        from control_bench.dynamics.bullet import Bullet  # they want pybullet, which is an extra
        from control_bench.dynamics.kuka import KUKA_URDF

        self._bullet = Bullet()
        self._body = self._bullet.loadURDF(str(KUKA_URDF), useFixedBase=True)
        self._view = BulletView(self._bullet, CAMERA)
        self.perspective = self._view.perspective

    @classmethod
    def suits(cls, task, episode) -> bool:
        return super().suits(task, episode) and task.model.name == KUKA

    def draw(self, moment: int) -> Image.Image:
        canvas = self._view.begin()
        for joint, angle in enumerate(self.angles[moment]):
            self._bullet.resetJointState(self._body, joint, angle)
        self._view.draw_arm_shadow(canvas, self._body, self.model.joints)
        self._view.draw_bodies(canvas)
        self._draw_targets(canvas, moment)
        way = self.hands[: moment + 1]
        for leg, colour in ((way[: self.turn + 1], OUT), (way[self.turn :], BACK)):
            if len(leg) > 1:
                self.perspective.polyline(canvas, leg, "#ffffffd0", 4.6)
                self.perspective.polyline(canvas, leg, colour, 2.6)
        canvas.disc(self.perspective(self.hands[moment]), 4.5, "#ffffff", INK, 1.4)
        return canvas.finish()

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
