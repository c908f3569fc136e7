"""reach from above: a planar arm's links, its hand's path, and the targets on their circle."""

import numpy as np
from PIL import Image

from control_bench.bench.hand_plots import BACK
from control_bench.bench.pictures.base import Canvas, Picture, Plane
from control_bench.bench.plot_style import FAINT, GRID, INK, RUN_COLOURS
from control_bench.tasks.reach import Reach

OUT, TARGET = RUN_COLOURS[0], RUN_COLOURS[1]
LINKS = ("#3d4653", "#5f6b7c", "#8d98a8")
"""From the shoulder out."""


class ReachPicture(Picture):
    """What the pictures of all arms share: the hand's way and its targets."""

    of, reads = Reach, ("true_position", "true_velocity", "target")
    won = ("reached",)

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        self.model, self.targets = task.model, self.readings["target"]
        self.angles = self.readings["true_position"]
        self.hands = self.model.hands(self.angles)
        self.others = self._others()
        first = (self.targets == self.targets[0]).all(axis=1)
        self.turn = len(first) - 1 if first.all() else int(np.argmin(first))

    def _others(self) -> np.ndarray:
        """Every target there is (k, dimensions), m: of the circle or the user's, and the middle."""
        s, middle = self.task.settings, self.model.centre[None]
        if s.target is not None:
            return np.concatenate([self.targets[:1], middle])
        return np.concatenate([self.model.circle(2.0 * np.pi * np.arange(s.targets) / s.targets), middle])

    def facts(self, moment: int) -> dict[str, str]:
        q, v = self.angles[moment], self.readings["true_velocity"][moment]
        miss = 1000.0 * np.linalg.norm(self.hands[moment] - self.targets[moment])
        speed = np.linalg.norm(self.model.jacobian(q) @ v)
        way = "out" if moment < self.turn else "back"
        return {"way": way, "hand to target": f"{miss:.1f} mm", "hand's speed": f"{speed:.2f} m/s"}


class PlanarArmPicture(ReachPicture):
    """An arm in the plane, from above."""

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        self.joints = self._joints()
        low = np.concatenate([self.joints.reshape(-1, 2), self.others])
        self.plane = Plane.around(low, 0.28 * self.model.lengths.max())
        self._thick = 0.11 * self.model.lengths.max() * self.plane.scale
        self._background = self._draw_still()

    @classmethod
    def suits(cls, task, episode) -> bool:
        return super().suits(task, episode) and hasattr(task.model, "lengths")

    def _joints(self) -> np.ndarray:
        """From the shoulder to the hand (steps + 1, links + 1, 2), m."""
        turned = np.cumsum(self.angles, axis=1)
        links = self.model.lengths[:, None] * np.stack([np.cos(turned), np.sin(turned)], axis=2)
        return np.concatenate([np.zeros((len(links), 1, 2)), np.cumsum(links, axis=1)], axis=1)

    def _draw_still(self) -> Canvas:
        canvas, plane = Canvas(), self.plane
        tile = 10.0 ** np.floor(np.log10(plane.side / 2.0))
        tile *= 0.5 if plane.side / tile < 5 else 1.0
        (x, y), half = plane.middle, plane.side / 2.0
        for along in np.arange(np.ceil((x - half) / tile), (x + half) / tile) * tile:
            canvas.line(plane(np.array([(along, y - half), (along, y + half)])), GRID, 0.8)
        for along in np.arange(np.ceil((y - half) / tile), (y + half) / tile) * tile:
            canvas.line(plane(np.array([(x - half, along), (x + half, along)])), GRID, 0.8)
        canvas.disc(plane(np.zeros(2)), 1.2 * self._thick, FAINT, "#a9a9a9", 1.2)
        for target in plane(self.others):
            canvas.disc(target, 5.5, "#ffffff", "#b5b5b5", 1.4)
        plane.draw_scale(canvas)
        return canvas

    def draw(self, moment: int) -> Image.Image:
        canvas, target = self._background.copy(), self.plane(self.targets[moment])
        canvas.disc(target, 13.0, TARGET + "30")
        points = self.plane(self.joints[moment])
        for link in range(len(points) - 1):
            colour, width = LINKS[min(link, len(LINKS) - 1)], self._thick * 0.82**link
            canvas.line(points[link : link + 2], "#ffffff", width + 3.0, round_ends=True)
            canvas.line(points[link : link + 2], colour, width, round_ends=True)
        for link, point in enumerate(points[:-1]):
            canvas.disc(point, 0.26 * self._thick * 0.82**link, "#ffffff")
        canvas.disc(target, 7.0, TARGET, "#ffffff", 1.5)
        self._draw_way(canvas, moment)
        canvas.disc(points[-1], 4.5, "#ffffff", INK, 1.4)
        return canvas.finish()

    def _draw_way(self, canvas: Canvas, moment: int) -> None:
        way = self.plane(self.hands[: moment + 1])
        for leg, colour in ((way[: self.turn + 1], OUT), (way[self.turn :], BACK)):
            if len(leg) > 1:
                canvas.line(leg, "#ffffffb0", 4.4, round_ends=True)
                canvas.line(leg, colour, 2.4, round_ends=True)
