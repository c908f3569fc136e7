"""grasp and bin on topics: depth pictures with their camera, what the hand does, and grasps as commands."""

from collections.abc import Collection

import numpy as np
import rospy
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo, Image

from control_bench.controllers.base import Controller
from control_bench.errors import BadInput
from control_bench.grasping.command import NO_GRASP
from control_bench.msg import Grasp, GraspState
from control_bench.ros import world_realtime
from control_bench.ros.collector import Moment
from control_bench.ros.depth_messages import (
    depth_message,
    depth_of,
    hand_pose,
    intrinsics_message,
    intrinsics_of,
    yaw_of,
)
from control_bench.ros.frames import transform3
from control_bench.ros.grasp_view import GraspLookOn, GraspView
from control_bench.ros.parameters import WorldParameters
from control_bench.ros.topics import NoScene, Topics
from control_bench.settings import require
from control_bench.tasks.grasp import Grasp as GraspTask
from control_bench.worlds.base import Readings
from control_bench.worlds.boxes import quaternion_of
from control_bench.worlds.tabletop import SLOT

DEPTH, INFO, STATE = "camera/depth/image_raw", "camera/depth/camera_info", "grasp_state"
SPACING = 2.0
"""m, from one robot's table to the next one's."""


class GraspTopics(Topics):
    """See Topics. A robot is a table with a camera and a hand, in whose frame grasps are."""

    types = {DEPTH: Image, INFO: CameraInfo, STATE: GraspState}
    pace, answers, brakes = STATE, True, True
    realtime = "control_bench.ros.grasp_topics:realtime"
    command, Command = "grasp", Grasp
    stop = NO_GRASP

    def __init__(self, task: GraspTask, name: str) -> None:
        super().__init__(task, name)
        self.frame, self._optical = f"{name}/table", f"{name}/camera_depth_optical"

    def topics(self, readings: tuple[str, ...]) -> list[str]:
        """A depth picture is of no use without its camera's intrinsics."""
        depth = [DEPTH, INFO] if "depth" in readings else []
        return depth + ([STATE] if set(readings) - {"depth"} else [])

    def messages(self, readings: Readings, row: int, stamp: rospy.Time, wanted: Collection[str]) -> Moment:
        messages: Moment = {}
        if DEPTH in wanted:
            messages[DEPTH] = [depth_message(readings["depth"][row], self._optical, stamp)]
        if INFO in wanted:
            messages[INFO] = [intrinsics_message(self.task.camera.intrinsics, self._optical, stamp)]
        if STATE in wanted:
            state = GraspState(
                phase=int(readings["phase"][row]), finished=bool(readings["finished"][row]),
                held=bool(readings["held"][row]), left=int(readings["left"][row]),
                hand=readings["hand"][row].tolist(), command=readings["command"][row].tolist(),
                objects=readings["objects"][row].ravel().tolist(),
            )  # fmt: skip
            state.header.stamp, state.header.frame_id = stamp, self.frame
            messages[STATE] = [state]
        return messages

    def readings(self, messages: Moment) -> Readings:
        """BadInput where a camera is not the one that the task says."""
        readings: Readings = {}
        if DEPTH in messages:
            depth = depth_of(messages[DEPTH][-1], f"{self.name}/{DEPTH}")
            told, ours = intrinsics_of(messages[INFO][-1], f"{self.name}/{INFO}"), self.task.camera.intrinsics
            if told != ours or depth.shape != (ours.height, ours.width):
                raise BadInput(
                    f"{self.name}/{INFO}: the camera has f {told.fx:g}, {told.height} x {told.width} pixels, the task "
                    f"f {ours.fx:g}, {ours.height} x {ours.width}: set task.focal, task.height and task.width as it is"
                )
            readings["depth"] = depth[None]
        if STATE in messages:
            state = messages[STATE][-1]
            readings |= {
                "phase": np.array([state.phase]), "finished": np.array([state.finished]),
                "held": np.array([state.held]), "left": np.array([state.left]), "hand": np.array([state.hand]),
                "command": np.array([state.command]), "objects": np.array(state.objects).reshape(1, -1, SLOT),
            }  # fmt: skip
        return readings

    def transforms(self, readings: Readings, row: int, stamp: rospy.Time) -> list[TransformStamped]:
        """Where the table, the camera and the hand are."""
        view, hand = self.task.camera.view, hand_pose(*readings["hand"][row, :4])
        at, turned = hand.position, hand.orientation
        return [
            transform3("world", self.frame, (self.number * SPACING, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), stamp),
            transform3(self.frame, self._optical, (*view.eye, *quaternion_of(view.axes.T)), stamp),
            transform3(
                self.frame, f"{self.name}/hand",
                (at.x, at.y, at.z, turned.x, turned.y, turned.z, turned.w), stamp,
            ),
        ]  # fmt: skip

    def command_message(self, command: np.ndarray, stamp: rospy.Time) -> Grasp:
        """What it is in the camera's picture is told too."""
        x, y, z, yaw, quality = map(float, command)
        message = Grasp(quality=quality)
        message.header.stamp, message.header.frame_id = stamp, self.frame
        message.pose = hand_pose(x, y, z, yaw)
        i, view = self.task.camera.intrinsics, self.task.camera.view
        along = np.array([0.0, 0.0, 0.0]), 1e-3 * np.array([np.cos(yaw), np.sin(yaw), 0.0])
        points = view.to_camera(np.array([x, y, z]) + np.array(along))
        pixels = i.project(points)
        message.pixel, message.depth = pixels[0].tolist(), float(points[0, 2])
        message.angle = float(np.arctan2(*(pixels[1] - pixels[0])[::-1]))
        return message

    def command_of(self, message: Grasp) -> np.ndarray:
        if message.quality < 0.0:
            return self.stop
        at = message.pose.position
        command = np.array([at.x, at.y, at.z, yaw_of(message.pose), message.quality], np.float32).astype(float)
        if not np.isfinite(command).all():
            raise BadInput(f"the grasp {command.tolist()} is not finite")
        return command

    def make_scene(self) -> NoScene:
        return NoScene()

    def make_view(self) -> GraspView:
        return GraspView(self.name, self.frame, self.task)

    def make_look_on(self, controller: Controller) -> GraspLookOn:
        return GraspLookOn(self.frame, controller)


def realtime(task: GraspTask, parameters: WorldParameters) -> None:
    """The world in real time; BadInput where a step is a whole grasp: a camera that tells every 8 s seems dead."""
    require(
        task.settings.closed_loop,
        "closed_loop: in real time pictures come all the way: set task.closed_loop=true, or clock:=lockstep",
    )
    world_realtime.main(task, parameters)
