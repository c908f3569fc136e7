"""Poses as transforms, and /tf."""

import math

import rospy
from geometry_msgs.msg import Quaternion, TransformStamped
from tf2_msgs.msg import TFMessage

from control_bench.ros.connections import publisher, send
from control_bench.worlds.robot import Pose


def yaw_quaternion(yaw: float) -> Quaternion:
    return Quaternion(0.0, 0.0, math.sin(yaw / 2.0), math.cos(yaw / 2.0))


def transform(parent: str, child: str, pose: Pose, stamp: rospy.Time) -> TransformStamped:
    """A pose in the plane as a transform."""
    turned = yaw_quaternion(pose.theta)
    return transform3(parent, child, (pose.x, pose.y, 0.0, turned.x, turned.y, turned.z, turned.w), stamp)


def transform3(parent: str, child: str, pose, stamp: rospy.Time) -> TransformStamped:
    """A pose in space, x y z, m, and the quaternion x y z w, as a transform."""
    message = TransformStamped()
    message.header.stamp, message.header.frame_id, message.child_frame_id = stamp, parent, child
    at, turned = message.transform.translation, message.transform.rotation
    at.x, at.y, at.z, turned.x, turned.y, turned.z, turned.w = map(float, pose)
    return message


class Frames:
    """/tf."""

    def __init__(self, clock: str) -> None:
        self._publisher = publisher("/tf", TFMessage, clock)

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return self._publisher.get_num_connections() > 0

    def publish(self, transforms: list[TransformStamped]) -> None:
        send(self._publisher, TFMessage(transforms))
