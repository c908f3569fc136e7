"""balance on topics: poses, pictures with their cameras, and the force, as wrenches on the cart."""

from collections.abc import Collection

import numpy as np
import rospy
from geometry_msgs.msg import PoseStamped, TransformStamped, WrenchStamped
from sensor_msgs.msg import CameraInfo, Image

from control_bench.errors import BadInput
from control_bench.ros.balance_view import BalanceView
from control_bench.ros.camera_messages import image_message, info_message, pixels_of
from control_bench.ros.collector import Moment
from control_bench.ros.frames import transform3
from control_bench.ros.topics import NoScene, Topics
from control_bench.tasks.balance import Balance
from control_bench.worlds.base import Readings
from control_bench.worlds.boxes import quaternion_of
from control_bench.worlds.cartpole import PHYSICS_STEP

POSES = ("cart_pose", "pole_pose")
WRENCH = "wrench"
SPACING = 12.0
"""m, from one robot's field to the next one's."""
UNTURNED = (0.0, 0.0, 0.0, 1.0)


class BalanceTopics(Topics):
    """See Topics. A robot is a field, with a cart and a pole on it, in whose frame all poses are; forces in N.

    A moment has as many poses, and pictures of each camera, as a step has readings, each with the stamp that it was
    taken at; `wrench` says once what pushed the cart meanwhile.
    """

    pace, answers = WRENCH, True
    realtime = "control_bench.ros.world_realtime:main"
    command, Command = "cart/command", WrenchStamped
    stop = np.zeros(2)

    def __init__(self, task: Balance, name: str) -> None:
        super().__init__(task, name)
        s, self.frame, self._cart = task.settings, f"{name}/field", f"{name}/cart"
        self._apart = rospy.Duration(s.steps_per_repeat * PHYSICS_STEP)
        self._images = [f"camera_{i}/image_raw" for i in range(s.cameras)]
        self._infos = [f"camera_{i}/camera_info" for i in range(s.cameras)]
        kinds = {PoseStamped: POSES, Image: self._images, CameraInfo: self._infos}
        self.types = {topic: kind for kind, topics in kinds.items() for topic in topics} | {WRENCH: WrenchStamped}
        self.counts = {topic: s.repeats for topic in self.types if topic != WRENCH}
        self._renderer = task.make_renderer()
        self._pictures = np.zeros((s.repeats, *self._renderer.shape), np.uint8)

    def topics(self, readings: tuple[str, ...]) -> list[str]:
        carried = {"poses": POSES, "images": self._images, "force": (WRENCH,)}
        return [topic for name, topics in carried.items() if name in readings for topic in topics]

    def messages(self, readings: Readings, row: int, stamp: rospy.Time, wanted: Collection[str]) -> Moment:
        poses = readings["poses"][row]
        last = len(poses) - 1
        stamps = [stamp - self._apart * (last - i) for i in range(len(poses))]
        messages: Moment = {}
        for body, topic in enumerate(POSES):
            if topic in wanted:
                messages[topic] = [self._pose(one[body], at) for one, at in zip(poses, stamps, strict=True)]
        if any(topic in wanted for topic in self._images):
            images = readings["images"][row] if "images" in readings else self._draw(poses)
            for camera, topic in enumerate(self._images):
                if topic in wanted:
                    messages[topic] = [
                        image_message(one[camera], self._optical(camera), at)
                        for one, at in zip(images, stamps, strict=True)
                    ]
        for camera, topic in enumerate(self._infos):
            if topic in wanted:
                lens = self.task.cameras[camera]
                messages[topic] = [info_message(lens, self._optical(camera), at) for at in stamps]
        if WRENCH in wanted:
            messages[WRENCH] = [self._wrench(readings["force"][row], stamp)]
        return messages

    def _draw(self, poses: np.ndarray) -> np.ndarray:
        """For those who look on while the task itself needs no pictures."""
        for i, one in enumerate(poses):
            self._renderer.draw(one, self._pictures[i])
        return self._pictures

    def _optical(self, camera: int) -> str:
        return f"{self.name}/camera_{camera}_optical"

    def _pose(self, pose: np.ndarray, stamp: rospy.Time) -> PoseStamped:
        message = PoseStamped()
        message.header.stamp, message.header.frame_id = stamp, self.frame
        at, turned = message.pose.position, message.pose.orientation
        at.x, at.y, at.z, turned.x, turned.y, turned.z, turned.w = pose.tolist()
        return message

    def _wrench(self, force: np.ndarray, stamp: rospy.Time) -> WrenchStamped:
        """In the field's axes; it acts at the cart's middle."""
        message = WrenchStamped()
        message.header.stamp, message.header.frame_id = stamp, self.frame
        message.wrench.force.x, message.wrench.force.y = force.tolist()
        return message

    def readings(self, messages: Moment) -> Readings:
        readings: Readings = {}
        if POSES[0] in messages:
            bodies = [[_numbers(one.pose) for one in messages[topic]] for topic in POSES]
            readings["poses"] = np.array(bodies).transpose(1, 0, 2)[None]
        if self._images[0] in messages:
            size = self.task.settings.size
            cameras = [
                [pixels_of(one, size, f"{self.name}/{topic}") for one in messages[topic]] for topic in self._images
            ]
            readings["images"] = np.array(cameras).swapaxes(0, 1)[None]
        if WRENCH in messages:
            force = messages[WRENCH][-1].wrench.force
            readings["force"] = np.array([[force.x, force.y]])
        return readings

    def transforms(self, readings: Readings, row: int, stamp: rospy.Time) -> list[TransformStamped]:
        """Where the field, the floor, the cart, the pole and the cameras are."""
        cart, pole = readings["poses"][row, -1]
        cameras = [
            transform3(self.frame, self._optical(i), (*camera.eye, *quaternion_of(camera.axes().T)), stamp)
            for i, camera in enumerate(self.task.cameras)
        ]
        return [
            transform3("world", self.frame, (self.number * SPACING, 0.0, 0.0, *UNTURNED), stamp),
            transform3(self.frame, f"{self.name}/ground", (0.0, 0.0, 0.0, *UNTURNED), stamp),
            transform3(self.frame, self._cart, cart, stamp),
            transform3(self.frame, f"{self.name}/pole", pole, stamp),
            *cameras,
        ]

    def command_message(self, command: np.ndarray, stamp: rospy.Time) -> WrenchStamped:
        return self._wrench(np.asarray(command, dtype=float), stamp)

    def command_of(self, message: WrenchStamped) -> np.ndarray:
        command = np.array([message.wrench.force.x, message.wrench.force.y])
        if not np.isfinite(command).all():
            raise BadInput(f"the force {command.tolist()} is not finite")
        return command

    def make_scene(self) -> NoScene:
        return NoScene()

    def make_view(self) -> BalanceView:
        return BalanceView(self.name, self.frame)


def _numbers(pose) -> tuple[float, ...]:
    at, turned = pose.position, pose.orientation
    return at.x, at.y, at.z, turned.x, turned.y, turned.z, turned.w
