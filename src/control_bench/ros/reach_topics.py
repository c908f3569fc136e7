"""reach on topics: joint states, the target, and efforts as ros_control's joint group effort controller takes them."""

from collections.abc import Collection

import numpy as np
import rospy
from geometry_msgs.msg import PointStamped, TransformStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from control_bench.errors import BadInput
from control_bench.ros.collector import Moment
from control_bench.ros.frames import transform
from control_bench.ros.reach_view import ReachView
from control_bench.ros.topics import NoScene, Topics
from control_bench.tasks.reach import Reach
from control_bench.worlds.arm import ArmWorld
from control_bench.worlds.base import Readings
from control_bench.worlds.robot import Pose

SENSED, TRUE, TARGET = "joint_states", "ground_truth/joint_states", "target"
FIELDS = ("position", "velocity", "effort")
JOINTS = {SENSED: ("position", "velocity"), TRUE: ("true_position", "true_velocity", "torque")}
"""The readings in the fields of either topic."""
BRAKING = 20.0
"""1/s: how an arm slows down that nobody commands."""
SPACING = 2.5
"""From one robot's base to the next one's, in distances of the targets' middle: they do not touch each other."""


class ReachTopics(Topics):
    """See Topics. Torques in N m, angles in rad, rates in rad/s; targets in metres in the arm's base frame.

    `joint_states` is what the sensors say, with noise and lag; judges go by `ground_truth/joint_states`, which have the
    efforts of the last step too.
    """

    types = {SENSED: JointState, TRUE: JointState, TARGET: PointStamped}
    pace, answers, brakes = TARGET, True, True
    realtime = "control_bench.ros.world_realtime:main"
    command, Command = "joint_group_effort_controller/command", Float64MultiArray

    def __init__(self, task: Reach, name: str) -> None:
        super().__init__(task, name)
        self.model, self.frame = task.model, f"{name}/base"
        self.stop = np.zeros(self.model.joints)
        self._base = Pose(self.number * float(np.linalg.norm(self.model.centre)) * SPACING, 0.0, 0.0)

    def topics(self, readings: tuple[str, ...]) -> list[str]:
        carried = JOINTS | {TARGET: ("target",)}
        return [topic for topic, names in carried.items() if set(names) & set(readings)]

    def messages(self, readings: Readings, row: int, stamp: rospy.Time, wanted: Collection[str]) -> Moment:
        messages: Moment = {topic: [self._joints(topic, readings, row, stamp)] for topic in JOINTS if topic in wanted}
        if TARGET in wanted:
            target = PointStamped()
            target.header.stamp, target.header.frame_id = stamp, self.frame
            point = readings["target"][row].tolist()
            target.point.x, target.point.y, target.point.z = (*point, 0.0)[:3]
            messages[TARGET] = [target]
        return messages

    def _joints(self, topic: str, readings: Readings, row: int, stamp: rospy.Time) -> JointState:
        message = JointState(name=self.model.joint_names)
        message.header.stamp = stamp
        for field, name in zip(FIELDS, JOINTS[topic], strict=False):
            setattr(message, field, readings[name][row].tolist())
        return message

    def readings(self, messages: Moment) -> Readings:
        """Joints are found by their names, as a robot's driver may have them in another order."""
        readings: Readings = {}
        for topic in JOINTS:
            if topic not in messages:
                continue
            message, fields = messages[topic][-1], FIELDS[: len(JOINTS[topic])]
            values = [getattr(message, field) for field in fields]
            if message.name != self.model.joint_names or any(len(one) != self.model.joints for one in values):
                order = self._order(topic, message, fields)
                values = [[one[i] for i in order] for one in values]
            readings |= {name: np.array([one]) for name, one in zip(JOINTS[topic], values, strict=True)}
        if TARGET in messages:
            point = messages[TARGET][-1].point
            readings["target"] = np.array([[point.x, point.y, point.z][: self.model.dimensions]])
        return readings

    def _order(self, topic: str, message: JointState, fields: tuple[str, ...]) -> list[int]:
        """Where our joints are in a message that has others, or these in another order."""
        places = {name: i for i, name in enumerate(message.name)}
        missing = [f"joint '{name}'" for name in self.model.joint_names if name not in places]
        missing += [
            f"a {field} for every joint" for field in fields if len(getattr(message, field)) != len(message.name)
        ]
        if missing:
            raise BadInput(
                f"{self.name}: {topic} lacks {missing[0]}, as arm {self.model.name} needs: mend its publisher"
            )
        return [places[name] for name in self.model.joint_names]

    def transforms(self, readings: Readings, row: int, stamp: rospy.Time) -> list[TransformStamped]:
        """Where the base stands; robot_state_publisher tells of the links."""
        return [transform("world", self.frame, self._base, stamp)]

    def command_message(self, command: np.ndarray, stamp: rospy.Time) -> Float64MultiArray:
        return Float64MultiArray(data=np.asarray(command).tolist())

    def command_of(self, message: Float64MultiArray) -> np.ndarray:
        command = np.array(message.data, dtype=float)
        if command.shape != (self.model.joints,):
            raise BadInput(f"a command of {command.size} torques, arm {self.model.name} has {self.model.joints} joints")
        if not np.isfinite(command).all():
            raise BadInput(f"the command {command.tolist()} is not finite")
        return command

    def holding(self, world: ArmWorld, row: int) -> np.ndarray:
        """The torque that brakes an arm and holds its weight."""
        n = self.model.joints
        q, v = world.states[row, :n], world.states[row, n:]
        return self.model.bias(q, np.zeros(n)) - BRAKING * self.model.mass_matrix(q) @ v

    def make_scene(self) -> NoScene:
        return NoScene()

    def make_view(self) -> ReachView:
        return ReachView(self.name, self.frame, self.task)
