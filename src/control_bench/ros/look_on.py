"""What a controller shows to those who look on in real time: its health, and where it plans to go."""

import time

import rospy
from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import Path

from control_bench.controllers.base import Controller
from control_bench.ros.diagnostics import Diagnostics
from control_bench.ros.view import PERIOD, path_message

RECENT = 1.0
"""Seconds for which a trouble that has passed is still told, or nobody would see one that lasts a step."""


class LookOn:
    """Publishes /diagnostics and `planned_path`."""

    def __init__(self, frame: str, controller: Controller) -> None:
        self._controller, self._frame = controller, frame
        self._diagnostics = Diagnostics()
        self._path = rospy.Publisher("planned_path", Path, queue_size=1)
        self._drawn, self._seen = 0.0, -RECENT
        self._trouble, self._steps, self._troubled = "", 0, 0

    def step(self) -> None:
        """Takes in a step of the controller."""
        now, trouble = time.monotonic(), self._controller.trouble()
        self._steps += 1
        if trouble is not None:
            self._trouble, self._seen, self._troubled = trouble, now, self._troubled + 1
        ill = now - self._seen < RECENT
        level = DiagnosticStatus.WARN if ill else DiagnosticStatus.OK
        steps = {"steps": self._steps, "steps in trouble": self._troubled}
        self._diagnostics.tell(level, self._trouble if ill else "in time", steps)
        if now - self._drawn > PERIOD and self._path.get_num_connections():
            planned, self._drawn = self._controller.planned, now
            if planned is not None:
                self._path.publish(path_message(planned, self._frame, rospy.Time.now()))
