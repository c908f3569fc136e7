"""drivebot from above: the map, the way driven, the robot, and what its sonars and lasers read."""

import numpy as np
from PIL import Image

from control_bench.bench.pictures.base import FINE, SIZE, Canvas, Picture, Plane, mix
from control_bench.bench.plot_style import INK, RUN_COLOURS
from control_bench.tasks.drivebot import Drivebot
from control_bench.worlds.geometry import laser_angles, outline
from control_bench.worlds.grid_map import FREE, OCCUPIED
from control_bench.worlds.robot import Pose

BLUE, SEEN, TOO_NEAR, BEAM = RUN_COLOURS[0], RUN_COLOURS[5], RUN_COLOURS[1], RUN_COLOURS[4]
SHADES = np.array([[255] * 3, [236] * 3, [74] * 3], np.uint8)
"""Of free cells, of unknown ones, and of walls."""
WHOLE = 16.0
"""m: of a map that is larger, only what lies about the path is shown."""
FADING = 150
"""Steps after which the path is palest."""


class DrivebotPicture(Picture):
    """Beside a map and a robot it needs `pose` alone; cones and rays are drawn where their readings are there."""

    of, reads = Drivebot, ("pose",)
    won = ("completed",)

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        self.robot, self._poses = task.robot, self.readings["pose"]
        self.plane = self._view()
        self._background = self._draw_map()
        self._outline = outline(task.robot.footprint)
        way = np.linalg.norm(np.diff(self._poses[:, :2], axis=0), axis=1)
        self._driven = np.concatenate([[0.0], np.cumsum(way)])
        self._fading = [mix(BLUE, "#ffffff", 0.75 * age / FADING) for age in range(FADING + 1)]

    def _view(self) -> Plane:
        size = np.array(self.task.grid.size)
        if max(size) <= WHOLE:
            return Plane(tuple(size / 2.0), max(size))
        about = Plane.around(self._poses[:, :2], 4.0)
        side = min(max(about.side, 10.0), max(size))
        inside = np.maximum(size - side, 0.0) / 2.0
        return Plane(tuple(np.clip(about.middle, size / 2.0 - inside, size / 2.0 + inside)), side)

    def _draw_map(self) -> Canvas:
        grid, plane = self.task.grid, self.plane
        kinds = np.select([grid.cells == OCCUPIED, grid.cells == FREE], [2, 0], 1)
        picture = Image.fromarray(SHADES[kinds[::-1]])
        left, top = plane.middle[0] - plane.side / 2.0, grid.size[1] - plane.middle[1] - plane.side / 2.0
        part = np.array([left, top, left + plane.side, top + plane.side]) / grid.resolution
        extent, n = Image.Transform.EXTENT, SIZE * FINE
        return Canvas(image=picture.transform((n, n), extent, tuple(part), fillcolor=tuple(SHADES[1].tolist())))

    def draw(self, moment: int) -> Image.Image:
        canvas, pose = self._background.copy(), self._poses[moment]
        points = self.plane(self._poses[: moment + 1, :2])
        if moment:
            colours = [self._fading[min(age, FADING)] for age in range(moment - 1, -1, -1)]
            canvas.segments(points[:-1], points[1:], colours, 2.0)
        canvas.disc(points[0], 4.5, "#ffffff", INK, 1.3)
        self._draw_lasers(canvas, moment)
        self._draw_sonars(canvas, moment)
        self._draw_robot(canvas, pose)
        self.plane.draw_scale(canvas)
        return canvas.finish()

    def _draw_sonars(self, canvas: Canvas, moment: int) -> None:
        ranges = self.readings.get("sonar", np.zeros((0, 0)))[moment : moment + 1].ravel()
        for sonar, measured in zip(self.robot.sonars, ranges, strict=False):
            if np.isnan(measured):
                continue
            x, y, heading = placed(self._poses[moment], sonar.pose)
            reach = float(np.clip(measured, sonar.min_range, sonar.max_range))
            angles = heading + np.linspace(-0.5, 0.5, 25) * sonar.cone_angle
            arc = self.plane(np.array([x, y]) + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1))
            seen = np.isfinite(measured)
            colour = SEEN if seen else TOO_NEAR if measured < 0 else "#9a9a9a"
            canvas.polygon(np.concatenate([self.plane((x, y))[None], arc]), colour + ("60" if seen else "38"))
            if seen:
                canvas.line(arc, BLUE, 1.8)

    def _draw_lasers(self, canvas: Canvas, moment: int) -> None:
        for laser in self.robot.lasers:
            if laser.frame_id not in self.readings:
                continue
            ranges = self.readings[laser.frame_id][moment]
            x, y, heading = placed(self._poses[moment], laser.pose)
            angles = heading + laser_angles(laser)
            reach = np.clip(np.nan_to_num(ranges, nan=laser.min_range), laser.min_range, laser.max_range)
            ends = self.plane(np.array([x, y]) + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))
            canvas.polygon(np.concatenate([self.plane((x, y))[None], ends]), BEAM + "48")
            for end in ends[np.isfinite(ranges)]:
                canvas.disc(end, 1.3, TOO_NEAR)

    def _draw_robot(self, canvas: Canvas, pose: np.ndarray) -> None:
        cos, sin = np.cos(pose[2]), np.sin(pose[2])
        turn = np.array([[cos, sin], [-sin, cos]])
        canvas.polygon(self.plane(pose[:2] + self._outline @ turn), BLUE, "#ffffff", 1.2)
        reach = np.abs(self._outline).max()
        nose = reach * np.array([(0.75, 0.0), (-0.4, 0.5), (-0.4, -0.5)])
        canvas.polygon(self.plane(pose[:2] + nose @ turn), "#ffffff")

    def facts(self, moment: int) -> dict[str, str]:
        facts = {"driven": f"{self._driven[moment]:.1f} m"}
        ranges = self.readings.get("sonar", np.zeros((0, 0)))[moment : moment + 1]
        if np.isfinite(ranges).any():
            facts["nearest by sonar"] = f"{ranges[np.isfinite(ranges)].min():.2f} m"
        return facts


def placed(pose: np.ndarray, mount: Pose) -> tuple[float, float, float]:
    """Where a sensor is on the map: x, y, m, and its heading, rad, of a robot at a pose (3,)."""
    x, y, theta = pose
    cos, sin = np.cos(theta), np.sin(theta)
    return x + cos * mount.x - sin * mount.y, y + sin * mount.x + cos * mount.y, theta + mount.theta
