"""What rviz shows of a reach: the targets, the one that is asked for, and the hand's path."""

import numpy as np
from visualization_msgs.msg import Marker

from control_bench.ros.view import View
from control_bench.tasks.reach import Reach
from control_bench.worlds.base import Readings

ASKED, OTHERS = (0.85, 0.2, 0.15), (0.72, 0.76, 0.8)


class ReachView(View):
    """The hand's path, and its targets as balls."""

    def __init__(self, name: str, frame: str, task: Reach) -> None:
        super().__init__(name, frame)
        self._model, self._size = task.model, task.model.radius / 5.0
        count, own = task.settings.targets, task.settings.target
        circle = self._model.circle(2.0 * np.pi * np.arange(count) / count)
        outer = circle if own is None else np.array([own])
        self._targets = np.concatenate([outer, self._model.centre[None]])

    def point(self, readings: Readings) -> np.ndarray:
        return self._model.hand(readings["true_position"][0])

    def _above(self, point: np.ndarray) -> np.ndarray:
        """A flat arm's targets lie on it, where they can be seen."""
        return point if len(point) == 3 else np.append(point, self._size)

    def markers(self, readings: Readings, command: np.ndarray | None, reward) -> list[Marker]:
        stamp, kind = reward.header.stamp, Marker.SPHERE
        balls = [(point, OTHERS, 0.7 * self._size) for point in self._targets]
        balls.append((readings["target"][0], ASKED, self._size))
        shown = [self.marker(i, kind, stamp, hue, self._above(at), size) for i, (at, hue, size) in enumerate(balls)]
        aside = self._model.centre + 2.2 * self._model.radius * self._model.plane[0]
        return [*shown, self.text(len(shown), reward, aside, 1.5 * self._size)]
