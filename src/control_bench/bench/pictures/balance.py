"""balance as a camera sees it that goes along: cart and pole, the force on the cart, and the field from above."""

from dataclasses import replace

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import ConvexHull

from control_bench.bench.pictures.base import FINE, MUTED, SIZE, Canvas
from control_bench.bench.pictures.perspective import SHADOW, Perspective, studio
from control_bench.bench.pictures.pole import BLUE, BORDER, PolePicture
from control_bench.bench.plot_style import INK
from control_bench.tasks.balance import Balance
from control_bench.worlds.boxes import Box, read_box, rotation_of
from control_bench.worlds.renderer import BACKGROUND, LIGHT, Camera, Renderer

EYE, TARGET, VIEW = (0.55, -1.75, 1.1), (0.0, 0.0, 0.27), 38.0
"""m, from what the camera goes along with; degrees."""
LAG, LEASH = 0.5, 0.3
"""s: over how long the camera's way is smoothed; m: how far the cart gets from it, along x and along y."""
ARROW = 0.6
"""m: of the largest force."""
INSET = 96
"""px"""


def brightened(box: Box) -> Box:
    """A box as it looks in daylight: the task's own pictures are dark, and this camera sees the sides in the shade."""
    return replace(box, colour=tuple(min(1.35 * share, 1.0) for share in box.colour))


class BalancePicture(PolePicture):
    """The small pictures that a task observes are drawn by the poses too."""

    of = Balance

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        self._boxes = tuple(brightened(read_box(name)) for name in ("cart", "pole"))
        self._floor = read_box("ground").size[2] / 2.0
        camera = Camera(EYE, TARGET, VIEW, size=FINE * SIZE)
        self._renderer, self.perspective = Renderer((camera,), (), self._boxes), Perspective(camera)
        # By the channel that they have least of the bodies are told from what is behind them.
        self._telling = int(np.argmin(np.max([box.colour for box in self._boxes], axis=0)))
        self.middles = self._follow()
        self._studio = studio()
        self._drawn = np.empty(self._renderer.shape, np.uint8)
        self._cameras = task.eyes()

    def _follow(self) -> np.ndarray:
        """Where the camera is (steps + 1, 2), m: along with the cart, but steadier."""
        carts, lag = self.poses[:, 0, :2], LAG / self.task.step_duration
        steady = gaussian_filter1d(carts, lag, axis=0, mode="nearest")
        held = np.clip(steady, carts - LEASH, carts + LEASH)
        return gaussian_filter1d(held, lag / 4.0, axis=0, mode="nearest")

    def draw(self, moment: int) -> Image.Image:
        canvas, away = self._studio.copy(), np.append(self.middles[moment], 0.0)
        poses = self.poses[moment].copy()
        poses[:, :3] -= away
        for box, pose in zip(self._boxes, poses, strict=True):
            self._draw_shadow(canvas, box, pose)
        self.perspective.floor(canvas, self._floor, np.zeros(2), -away[:2])
        self._draw_on_floor(canvas, moment, away)
        self._renderer.draw(poses, self._drawn)
        bodies = self._drawn[0, ..., self._telling] != BACKGROUND
        canvas.image.paste(Image.fromarray(self._drawn[0]), mask=Image.fromarray(bodies))
        self._draw_field(canvas, moment)
        if self._cameras is not None:
            self._draw_seen(canvas, moment)
        return canvas.finish()

    def _draw_shadow(self, canvas: Canvas, box: Box, pose: np.ndarray) -> None:
        corners = np.stack(np.meshgrid(*([-0.5, 0.5],) * 3), axis=-1).reshape(-1, 3) * box.size
        corners = pose[:3] + corners @ rotation_of(pose[3:]).T
        height = np.maximum(corners[:, 2:] - self._floor, 0.0)
        thrown = corners - height * LIGHT / LIGHT[2]
        thrown[:, 2] = self._floor
        self.perspective.polygon(canvas, thrown[ConvexHull(thrown[:, :2]).vertices], SHADOW)

    def _draw_on_floor(self, canvas: Canvas, moment: int, away: np.ndarray) -> None:
        def flat(points: np.ndarray) -> np.ndarray:
            return np.column_stack([points, np.full(len(points), self._floor)])

        edge = np.linspace(-1.0, 1.0, 60) * self.task.field
        end = np.full_like(edge, self.task.field)
        for side in ((edge, end), (edge, -end), (end, edge), (-end, edge)):
            self.perspective.polyline(canvas, flat(np.stack(side, axis=1) - away[:2]), BORDER, 2.2)
        self.perspective.polyline(canvas, flat(self.poses[: moment + 1, 0, :2] - away[:2]), BLUE + "70", 1.6)
        (cart,) = flat(self.poses[moment, :1, :2] - away[:2])
        self._draw_force(canvas, moment, cart, 0.13, ARROW, 0.045)

    def _draw_seen(self, canvas: Canvas, moment: int) -> None:
        pictures = np.empty(self._cameras.shape, np.uint8)
        self._cameras.draw(self.poses[moment], pictures)
        top = SIZE - INSET - 14
        canvas.text((14, top - 11), "what it sees", 10, MUTED)
        for place, picture in enumerate(pictures):
            left = 14 + place * (INSET + 8)
            canvas.paste(Image.fromarray(picture), (left, top), (INSET, INSET))
            canvas.box((left - 1, top - 1), (INSET + 2, INSET + 2), None, INK, 1.0)
