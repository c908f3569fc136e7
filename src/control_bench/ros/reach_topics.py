"""reach on topics: joint states, the target, and efforts as ros_control's joint group effort controller takes them."""

from typing import Any

import numpy as np
import rospy
from geometry_msgs.msg import PointStamped, TransformStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from control_bench.errors import BadInput
from control_bench.ros.frames import transform
from control_bench.ros.reach_view import ReachView
from control_bench.ros.topics import Topics
from control_bench.tasks.reach import Reach
from control_bench.worlds.base import Readings
from control_bench.worlds.robot import Pose

SENSED, TRUE, TARGET = "joint_states", "ground_truth/joint_states", "target"
SPACING = 2.5
"""From one robot's base to the next one's, in distances of the targets' middle: they do not touch each other."""


class ReachTopics(Topics):
    """See Topics. Torques in N m, angles in rad, rates in rad/s; targets in metres in the arm's base frame.

    `joint_states` is what the sensors say, with their noise and their lag; `ground_truth/joint_states` is for judges.
    """

    types = {SENSED: JointState, TRUE: JointState, TARGET: PointStamped}
    pace, answers, brakes = TARGET, True, True
    realtime = "control_bench.ros.arm_realtime:main"
    command, Command = "joint_group_effort_controller/command", Float64MultiArray

    def __init__(self, task: Reach, name: str) -> None:
        super().__init__(task, name)
        self.model, self.frame = task.model, f"{name}/base"
        self.stop = np.zeros(self.model.joints)
        number = int(name.removeprefix("robot") or 0) if name.startswith("robot") else 0
        self._base = Pose(number * float(np.linalg.norm(self.model.centre)) * SPACING, 0.0, 0.0)

    def topics(self, readings: tuple[str, ...]) -> list[str]:
        names = {"position": SENSED, "velocity": SENSED, "true_position": TRUE, "true_velocity": TRUE, "target": TARGET}
        return list(dict.fromkeys(names[reading] for reading in readings))

    def messages(self, readings: Readings, row: int, stamp: rospy.Time) -> dict[str, Any]:
        target = PointStamped()
        target.header.stamp, target.header.frame_id = stamp, self.frame
        point = readings["target"][row].tolist()
        target.point.x, target.point.y, target.point.z = (*point, 0.0)[:3]
        return {
            SENSED: self._joints(readings["position"][row], readings["velocity"][row], stamp),
            TRUE: self._joints(readings["true_position"][row], readings["true_velocity"][row], stamp),
            TARGET: target,
        }

    def _joints(self, position: np.ndarray, velocity: np.ndarray, stamp: rospy.Time) -> JointState:
        message = JointState(name=self.model.joint_names, position=position.tolist(), velocity=velocity.tolist())
        message.header.stamp = stamp
        return message

    def readings(self, messages: dict[str, Any]) -> Readings:
        """Joints are found by their names, as a robot's driver may have them in another order."""
        readings: Readings = {}
        for topic, prefix in ((SENSED, ""), (TRUE, "true_")):
            if topic in messages:
                message = messages[topic]
                if message.name != self.model.joint_names or len(message.velocity) != len(message.position):
                    message = self._in_order(topic, message)
                readings[f"{prefix}position"] = np.array([message.position])
                readings[f"{prefix}velocity"] = np.array([message.velocity])
        if TARGET in messages:
            point = messages[TARGET].point
            readings["target"] = np.array([[point.x, point.y, point.z][: self.model.dimensions]])
        return readings

    def _in_order(self, topic: str, message: JointState) -> JointState:
        places = {name: i for i, name in enumerate(message.name)}
        missing = [name for name in self.model.joint_names if name not in places]
        if missing or not len(message.position) == len(message.velocity) == len(message.name):
            lack = f"joint '{missing[0]}'" if missing else "an angle or a rate"
            raise BadInput(f"{self.name}: {topic} lacks {lack}, which arm {self.model.name} has: mend its publisher")
        order = [places[name] for name in self.model.joint_names]
        return JointState(position=[message.position[i] for i in order], velocity=[message.velocity[i] for i in order])

    def transforms(self, readings: Readings, row: int, stamp: rospy.Time) -> list[TransformStamped]:
        """Where the base stands; robot_state_publisher tells of the links."""
        return [transform("world", self.frame, self._base, stamp)]

    def command_message(self, command: np.ndarray) -> Float64MultiArray:
        return Float64MultiArray(data=np.asarray(command).tolist())

    def command_of(self, message: Float64MultiArray) -> np.ndarray:
        command = np.array(message.data, dtype=float)
        if command.shape != (self.model.joints,):
            raise BadInput(f"a command of {command.size} torques, arm {self.model.name} has {self.model.joints} joints")
        if not np.isfinite(command).all():
            raise BadInput(f"the command {command.tolist()} is not finite")
        return command

    def make_scene(self) -> "NoScene":
        return NoScene()

    def make_view(self) -> ReachView:
        return ReachView(self.name, self.frame, self.task)


class NoScene:
    """Arms share nothing but the floor."""

    def transforms(self, stamp: rospy.Time) -> list[TransformStamped]:
        return []
