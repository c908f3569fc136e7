"""What rviz shows of grasping: the hand, the objects as they are, and the grasps that were thought of."""

import numpy as np
import rospy
from geometry_msgs.msg import Point, PoseStamped
from matplotlib import colormaps
from visualization_msgs.msg import Marker, MarkerArray

from control_bench.controllers.base import Controller
from control_bench.controllers.grasping import GraspController
from control_bench.grasping.gripper import Gripper
from control_bench.grasping.objects import load_object
from control_bench.ros.depth_messages import hand_pose
from control_bench.ros.look_on import LookOn
from control_bench.ros.view import View
from control_bench.tasks.grasp import Grasp
from control_bench.worlds.base import Readings

HAND, OBJECT = (0.2, 0.3, 0.48), (0.95, 0.75, 0.42)
TEXT = (-0.25, -0.2, 0.2)
SHOWN = 10
BAR = 0.004
"""m: how thick a planned grasp is drawn."""


def jaws_marker(marker: Marker, gripper: Gripper, width: float) -> Marker:
    """A gripper's palm and fingers, its jaws so wide, as triangles; the marker's pose is the grip point's."""
    marker.type = Marker.TRIANGLE_LIST
    marker.scale.x = marker.scale.y = marker.scale.z = 1.0
    corners, faces = gripper.mesh(width)
    marker.points = [Point(*corner) for corner in corners[faces.ravel()].tolist()]
    return marker


class GraspView(View):
    """The hand, the objects and what is asked for."""

    def __init__(self, name: str, frame: str, task: Grasp) -> None:
        super().__init__(name, frame)
        self._task = task

    def point(self, readings: Readings) -> np.ndarray:
        return readings["hand"][0, :3]

    def markers(self, readings: Readings, command: np.ndarray | None, reward) -> list[Marker]:
        stamp, hand = reward.header.stamp, readings["hand"][0]
        shown = [self.text(0, reward, TEXT, 0.04)]
        body = jaws_marker(self.marker(1, 0, stamp, HAND, hand[:3], 1.0), self._task.gripper, hand[4])
        body.pose = hand_pose(*hand[:4])
        shown.append(body)
        for place, told in enumerate(readings["objects"][0]):
            marker = self.marker(2 + place, Marker.TRIANGLE_LIST, stamp, OBJECT, told[1:4], 1.0)
            if told[0] >= 0:
                turned = marker.pose.orientation
                turned.x, turned.y, turned.z, turned.w = told[4:].tolist()
                corners = load_object(self._task.names[int(told[0])]).triangles.reshape(-1, 3)
                marker.points = [Point(*corner) for corner in corners.tolist()]
            else:
                marker.action, marker.pose.position = Marker.DELETE, Point()
            shown.append(marker)
        return shown


class GraspLookOn(LookOn):
    """Also publishes `grasp_pose`, the pose that is asked for, and `planned_grasps`, coloured by quality."""

    def __init__(self, frame: str, controller: Controller) -> None:
        super().__init__(frame, controller)
        self._pose = rospy.Publisher("grasp_pose", PoseStamped, queue_size=10)
        self._planned = rospy.Publisher("planned_grasps", MarkerArray, queue_size=2)

    def step(self) -> None:
        super().step()
        if not isinstance(self._controller, GraspController) or not len(self._controller.last.grasps):
            return
        planned, camera = self._controller.last, self._controller.camera
        best = planned.grasps[:SHOWN].placed(camera)
        pose = PoseStamped(pose=hand_pose(*best[0]))
        pose.header.stamp, pose.header.frame_id = rospy.Time.now(), self._frame
        self._pose.publish(pose)
        if self._planned.get_num_connections():
            self._planned.publish(MarkerArray([
                self._grasp(number, grasp, quality, pose.header.stamp)
                for number, (grasp, quality) in enumerate(zip(best, planned.qualities, strict=False))
            ]))  # fmt: skip

    def _grasp(self, number: int, grasp: np.ndarray, quality: float, stamp: rospy.Time) -> Marker:
        """A line along the jaws' axis with a leg up from each jaw, red where it is poor and green where it is good."""
        marker = Marker(ns="planned", id=number, type=Marker.LINE_STRIP, action=Marker.ADD)
        marker.header.stamp, marker.header.frame_id = stamp, self._frame
        marker.lifetime = rospy.Duration(2.0)
        marker.pose = hand_pose(*grasp)
        marker.scale.x = BAR if number == 0 else BAR / 2.0
        marker.color.r, marker.color.g, marker.color.b, _ = colormaps["RdYlGn"](float(quality))
        marker.color.a = 1.0
        half, gripper = self._controller.gripper.opening / 2.0, self._controller.gripper
        up = gripper.reach - gripper.finger[2]
        corners = ((-half, gripper.reach), (-half, up), (half, up), (half, gripper.reach))
        marker.points = [Point(x, 0.0, z) for x, z in corners]
        return marker
