"""drivebot on topics: which topic carries which reading, and the command. Names, types and frames are STDR's."""

import math
from collections.abc import Collection

import numpy as np
import rospy
from geometry_msgs.msg import TransformStamped, Twist
from nav_msgs.msg import Odometry
from sensor_msgs.msg import LaserScan, Range

from control_bench.errors import BadInput
from control_bench.ros.collector import Moment
from control_bench.ros.drivebot_view import EpisodeView
from control_bench.ros.frames import transform, yaw_quaternion
from control_bench.ros.map_topics import MAP_FRAME, MapTopics
from control_bench.ros.topics import Topics
from control_bench.tasks.drivebot import Drivebot
from control_bench.worlds.base import Readings
from control_bench.worlds.geometry import laser_angles
from control_bench.worlds.robot import Pose, Robot

ODOMETRY = "odom"


class DrivebotTopics(Topics):
    """See Topics.

    Args:
        robot: whose sensors they are, where it is another than the task's.
    """

    pace, frame = ODOMETRY, MAP_FRAME
    realtime = "control_bench.ros.stdr_realtime:main"
    simulators = {"stdr": "control_bench.ros.stdr_simulator:main"}
    command, Command = "cmd_vel", Twist
    stop = np.zeros(3)

    def __init__(self, task: Drivebot, name: str, robot: Robot | None = None) -> None:
        super().__init__(task, name)
        self.robot = robot or task.robot
        self.sonars = [sonar.frame_id for sonar in self.robot.sonars]
        self.types: dict[str, type] = {
            **dict.fromkeys(self.sonars, Range),
            **{laser.frame_id: LaserScan for laser in self.robot.lasers},
            ODOMETRY: Odometry,
        }

    def topics(self, readings: tuple[str, ...]) -> list[str]:
        names = {"sonar": self.sonars, "pose": [ODOMETRY], "velocity": [ODOMETRY]}
        return list(dict.fromkeys(topic for reading in readings for topic in names.get(reading, [reading])))

    def messages(self, readings: Readings, row: int, stamp: rospy.Time, wanted: Collection[str]) -> Moment:
        messages: Moment = {
            sonar.frame_id: [self._range(sonar, float(readings["sonar"][row, i]), stamp)]
            for i, sonar in enumerate(self.robot.sonars)
            if sonar.frame_id in wanted
        }
        for laser in self.robot.lasers:
            if laser.frame_id in wanted:
                messages[laser.frame_id] = [self._scan(laser, readings[laser.frame_id][row], stamp)]
        if ODOMETRY in wanted:
            messages[ODOMETRY] = [self._odometry(readings["pose"][row], readings["velocity"][row], stamp)]
        return messages

    def _range(self, sonar, distance: float, stamp: rospy.Time) -> Range:
        message = Range(radiation_type=Range.ULTRASOUND, field_of_view=sonar.cone_angle, range=distance)
        message.min_range, message.max_range = sonar.min_range, sonar.max_range
        message.header.stamp, message.header.frame_id = stamp, f"{self.name}_{sonar.frame_id}"
        return message

    def _scan(self, laser, ranges: np.ndarray, stamp: rospy.Time) -> LaserScan:
        angles = laser_angles(laser)
        message = LaserScan(angle_min=laser.min_angle, angle_max=laser.max_angle, ranges=ranges.tolist())
        message.angle_increment = float(angles[1] - angles[0]) if len(angles) > 1 else 0.0
        message.range_min, message.range_max = laser.min_range, laser.max_range
        message.header.stamp, message.header.frame_id = stamp, f"{self.name}_{laser.frame_id}"
        return message

    def _odometry(self, pose: np.ndarray, velocity: np.ndarray, stamp: rospy.Time) -> Odometry:
        message = Odometry(child_frame_id=self.name)
        message.header.stamp, message.header.frame_id = stamp, MAP_FRAME
        message.pose.pose.position.x, message.pose.pose.position.y = float(pose[0]), float(pose[1])
        message.pose.pose.orientation = yaw_quaternion(float(pose[2]))
        message.twist.twist.linear.x, message.twist.twist.linear.y = float(velocity[0]), float(velocity[1])
        message.twist.twist.angular.z = float(velocity[2])
        return message

    def readings(self, messages: Moment) -> Readings:
        """Readings of one row from messages by topic: the inverse of `messages`, but for headings' whole turns."""
        readings: Readings = {}
        if self.sonars and self.sonars[0] in messages:
            readings["sonar"] = np.array([[messages[name][-1].range for name in self.sonars]], dtype=np.float32)
        if ODOMETRY in messages:
            odometry = messages[ODOMETRY][-1]
            pose, twist = odometry.pose.pose, odometry.twist.twist
            yaw = 2.0 * math.atan2(pose.orientation.z, pose.orientation.w)
            readings["pose"] = np.array([[pose.position.x, pose.position.y, yaw]])
            readings["velocity"] = np.array([[twist.linear.x, twist.linear.y, twist.angular.z]])
        for laser in self.robot.lasers:
            if laser.frame_id in messages:
                readings[laser.frame_id] = np.array([messages[laser.frame_id][-1].ranges], dtype=np.float32)
        return readings

    def transforms(self, readings: Readings, row: int, stamp: rospy.Time) -> list[TransformStamped]:
        """Where the robot is on the map, and its sensors on it."""
        mounts = [*self.robot.sonars, *self.robot.lasers, *self.robot.rfid_readers]
        return [
            transform(MAP_FRAME, self.name, Pose(*map(float, readings["pose"][row])), stamp),
            *(transform(self.name, f"{self.name}_{one.frame_id}", one.pose, stamp) for one in mounts),
        ]

    def command_message(self, command: np.ndarray, stamp: rospy.Time) -> Twist:
        """A velocity (ux, uy, w) as a Twist."""
        message = Twist()
        message.linear.x, message.linear.y, message.angular.z = (float(value) for value in command)
        return message

    def command_of(self, message: Twist) -> np.ndarray:
        """A Twist as a velocity (ux, uy, w)."""
        command = np.array([message.linear.x, message.linear.y, message.angular.z])
        if not np.isfinite(command).all():
            raise BadInput(f"the command {command.tolist()} is not finite")
        return command

    def make_scene(self) -> MapTopics:
        return MapTopics(self.task.grid)

    def make_view(self) -> EpisodeView:
        return EpisodeView(self.name)
