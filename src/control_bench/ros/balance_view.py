"""What rviz shows of balancing beside the models and the pictures: the force as an arrow, and the reward so far."""

import numpy as np
from geometry_msgs.msg import Point
from visualization_msgs.msg import Marker

from control_bench.ros.view import View
from control_bench.worlds.base import Readings

FORCE = (0.1, 0.35, 0.85)
SCALE = 0.008
"""m a N."""
ABOVE = 0.175
"""m: the arrow's height, above the cart, whose top is at 0.15."""
TEXT = (-0.5, -0.5, 0.7)


class BalanceView(View):
    """See the module."""

    def point(self, readings: Readings) -> np.ndarray:
        return readings["poses"][0, -1, 0, :3]

    def markers(self, readings: Readings, command: np.ndarray | None, reward) -> list[Marker]:
        cart, force = readings["poses"][0, -1, 0], np.zeros(2) if command is None else command
        arrow = self.marker(0, Marker.ARROW, reward.header.stamp, FORCE, (0.0, 0.0), 0.06)
        tail = Point(float(cart[0]), float(cart[1]), ABOVE)
        length = SCALE * force
        arrow.points = [tail, Point(tail.x + float(length[0]), tail.y + float(length[1]) + 1e-3, ABOVE)]
        arrow.scale.x = 0.025
        return [arrow, self.text(1, reward, cart[:3] + np.array(TEXT), 0.09)]
