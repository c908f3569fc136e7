"""What pictures of a pole that is carried about share: the force, the field from above, and what is told in numbers."""

import numpy as np

from control_bench.bench.pictures.base import MUTED, SIZE, Canvas, Picture, Plane, arrow_outline
from control_bench.bench.pictures.perspective import Perspective
from control_bench.bench.plot_style import FAINT, RUN_COLOURS
from control_bench.tasks.pole import PoleTask
from control_bench.tasks.pole_rules import LEAN
from control_bench.worlds.boxes import tilt_of

BLUE, BORDER, FORCE = RUN_COLOURS[0], RUN_COLOURS[1], RUN_COLOURS[4]


class PolePicture(Picture):
    """It needs `poses` and `force`.

    Attributes:
        poses: (steps + 1, 2, 7), of what carries the pole, and of the pole.
    """

    of, reads = PoleTask, ("poses", "force")
    won = ("balanced",)
    perspective: Perspective

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        self.poses = self.readings["poses"][:, -1]
        self._field = Plane((0.0, 0.0), 2.25 * task.field, (SIZE - 122.0, 12.0), 110.0)

    def _draw_force(
        self, canvas: Canvas, moment: int, middle: np.ndarray, away: float, length: float, width: float
    ) -> None:
        """A level arrow, so long, m, for the largest force, that begins so far, m, from a middle (3,), m."""
        force = self.readings["force"][moment]
        if np.any(force):
            start = away * force / np.linalg.norm(force)
            outline = arrow_outline(start, start + length * force / self.task.settings.force, width)
            outline = np.column_stack([outline, np.zeros(len(outline))]) + middle
            self.perspective.polygon(canvas, outline, FORCE)

    def _draw_field(self, canvas: Canvas, moment: int) -> None:
        plane, field = self._field, self.task.field
        canvas.box(plane.corner, (plane.edge, plane.edge + 20), "#ffffffe0", FAINT, radius=5)
        corners = field * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        canvas.polygon(plane(corners), None, BORDER, 1.3)
        way = plane(self.poses[: moment + 1, 1, :2])
        if moment:
            canvas.line(way, BLUE + "90", 1.2)
        canvas.disc(way[-1], 3.5, BLUE, "#ffffff", 1.0)
        x, y = plane.corner
        canvas.text((x + plane.edge / 2, y + plane.edge + 9), f"the field, {2 * field:g} m", 10, MUTED, anchor="mm")

    def facts(self, moment: int) -> dict[str, str]:
        lean = np.degrees(np.abs(tilt_of(self.poses[moment, 1, 3:])).max())
        away, force = np.abs(self.poses[moment, 1, :2]).max(), np.linalg.norm(self.readings["force"][moment])
        return {
            "lean": f"{lean:.1f}° of {np.degrees(LEAN):.0f}°",
            "off the middle": f"{away:.2f} of {self.task.field:g} m",
            "force": f"{force:.0f} N",
        }
