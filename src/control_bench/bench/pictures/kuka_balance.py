"""kuka_balance: the arm, the plate that it carries and the pole on it, as pybullet draws them."""

from PIL import Image

from control_bench.bench.pictures.bullet_view import BulletView
from control_bench.bench.pictures.pole import PolePicture
from control_bench.tasks.kuka_balance import KukaBalance
from control_bench.worlds.renderer import Camera

CAMERA = Camera((1.9, -1.6, 1.5), (0.3, 0.0, 0.66), 37.0)
ARROW = 0.6
"""m: of the largest force."""


class KukaBalancePicture(PolePicture):
    """In a pybullet of its own: the arm's angles are found anew, by where the plate was."""

    of = KukaBalance

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        self._scene = task.scene()()
        self._view = BulletView(self._scene.bullet, CAMERA)
        self.perspective = self._view.perspective

    def draw(self, moment: int) -> Image.Image:
        canvas, scene = self._view.begin(), self._scene
        plate, pole = scene.show(self.poses[moment])
        self._view.draw_arm_shadow(canvas, scene.arm, scene.joints)
        self._view.draw_shadow(canvas, pole, 8.0)
        self._view.draw_bodies(canvas)
        self._draw_force(canvas, moment, plate, 0.1, ARROW, 0.04)
        self._draw_field(canvas, moment)
        return canvas.finish()
