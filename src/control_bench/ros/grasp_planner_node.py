"""grasp_planner_node: plans grasps for any depth camera, when it is asked to (`plan_grasp`), or in every picture.

It needs no world and no table that it is told of. Grasps are in the camera's optical frame.
"""

import threading
import time
from dataclasses import dataclass

import numpy as np
import rospy
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from control_bench.controllers.grasping import GraspController, Planned
from control_bench.errors import BadInput
from control_bench.grasping.advice import advise
from control_bench.grasping.depth_image import DepthImage
from control_bench.msg import Grasp
from control_bench.ros.depth_messages import depth_of, grasp_pose, intrinsics_of, mask_of
from control_bench.ros.node import read_parameters, run_node
from control_bench.ros.parameters import PlanParameters, plan_of
from control_bench.ros.warm_up import warm_up
from control_bench.settings import require, require_positive
from control_bench.srv import PlanGrasp, PlanGraspResponse

DEPTH, INFO = "camera/depth/image_raw", "camera/depth/camera_info"
TOLD = 10
"""Grasps of an answer, at most."""


@dataclass(frozen=True)
class GraspPlannerParameters(PlanParameters):
    """Of grasp_planner_node; task and controller as of the other nodes.

    Attributes:
        clock: as theirs. timeout: s that a fresh picture is waited for. age: s, the oldest that is fresh.
        continuous: plan in every picture that comes while none is planned in, too.
    """

    task: str = "grasp"
    controller: str = "dexnet"
    clock: str = "realtime"
    timeout: float = 2.0
    age: float = 1.0
    continuous: bool = False

    def __post_init__(self) -> None:
        require_positive(self, "timeout", "age")
        require(self.clock in ("lockstep", "realtime"), f"clock: {self.clock!r} should be lockstep or realtime")


class GraspPlannerNode:
    """Hears a camera, and answers."""

    def __init__(self, parameters: GraspPlannerParameters) -> None:
        plan = plan_of(parameters)
        plan.check_trained()
        self._parameters, self._planner = parameters, plan.make_controller(plan.make_task())
        if not isinstance(self._planner, GraspController):
            raise BadInput(f"controller '{plan.controller}' plans no grasps: take dexnet or antipodal_grasp")
        warm_up(plan, self._planner)
        self._planner.deadline = getattr(self._planner.settings, "budget", None)
        self._news, self._planning = threading.Condition(), threading.Lock()
        self._depth: Image | None = None
        self._info: CameraInfo | None = None
        self._came = 0.0
        self._best = rospy.Publisher("planned_grasp", Grasp, queue_size=10)
        self._pose = rospy.Publisher("planned_grasp_pose", PoseStamped, queue_size=10)
        # Of a camera that is faster than planning only the newest picture counts.
        options = {"queue_size": 1, "buff_size": 2**24}
        self._heard = [
            rospy.Subscriber(DEPTH, Image, self._take_depth, **options),
            rospy.Subscriber(INFO, CameraInfo, self._take_info, **options),
        ]
        self._service = rospy.Service("plan_grasp", PlanGrasp, self._answer)

    def _take_info(self, message: CameraInfo) -> None:
        with self._news:
            self._info = message
            self._news.notify_all()

    def _take_depth(self, message: Image) -> None:
        with self._news:
            self._depth, self._came = message, time.monotonic()
            self._news.notify_all()

    def _answer(self, request) -> PlanGraspResponse:
        """Every reason for which there is no grasp is told in words."""
        begun = time.monotonic()
        try:
            timeout = request.timeout or self._parameters.timeout
            if not timeout > 0.0:
                raise BadInput(f"timeout: {timeout:g} s should be above 0")
            depth, info = self._fresh(begun + timeout, timeout)
            image = self._image(depth, info, request)
            planned = self._plan(image)
            best = float(planned.qualities[0]) if len(planned.grasps) else None
            advice = advise(image, best, self._planner.gripper, getattr(self._planner, "trained", {}))
        except BadInput as error:
            return PlanGraspResponse(success=False, message=" ".join(str(error).split()))
        grasps = self._grasps(image, planned, depth.header)
        self._publish(grasps)
        return PlanGraspResponse(bool(grasps), "; ".join(advice), grasps, time.monotonic() - begun)

    def _fresh(self, until: float, timeout: float) -> tuple[Image, CameraInfo]:
        """The newest picture with its camera's intrinsics; BadInput where none comes in time."""
        with self._news:
            while True:
                now = time.monotonic()
                recent = self._depth is not None and now - self._came <= self._parameters.age
                if recent and self._info is not None:
                    return self._depth, self._info
                if now >= until:
                    break
                self._news.wait(until - now)
            depth, info = (one.resolved_name for one in self._heard)
            if self._depth is None:
                raise BadInput(f"no depth picture on {depth} for {timeout:g} s: start the camera, or remap the topic")
            if self._info is None:
                raise BadInput(f"no CameraInfo on {info} for {timeout:g} s: a picture is of no use without it")
            old = time.monotonic() - self._came
            raise BadInput(f"the newest picture on {depth} came {old:.1f} s ago: see to the camera")

    def _image(self, depth: Image, info: CameraInfo, request) -> DepthImage:
        depth_topic, info_topic = (one.resolved_name for one in self._heard)
        pixels, intrinsics = depth_of(depth, depth_topic), intrinsics_of(info, info_topic)
        if pixels.shape != (intrinsics.height, intrinsics.width):
            raise BadInput(
                f"pictures of {pixels.shape[0]} x {pixels.shape[1]}, CameraInfo of {intrinsics.height} x "
                f"{intrinsics.width}: have both come from one camera"
            )
        mask = mask_of(request.mask, pixels.shape) if request.mask.data else None
        image = DepthImage.of(pixels, intrinsics, mask)
        if not request.box:
            return image
        if len(request.box) != 4 or not np.isfinite(request.box).all():
            raise BadInput("box: send four numbers: column and row of the upper left pixel, and of the lower right one")
        left, top, right, bottom = request.box
        rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
        inside = (columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)
        if not inside.any():
            raise BadInput(f"box: holds no pixel of a picture of {pixels.shape[0]} x {pixels.shape[1]}")
        boxed = image.within(inside)
        if image.mask.any() and not boxed.mask.any():
            raise BadInput("box: holds nothing that may be grasped: send one around the object")
        return boxed

    def _plan(self, image: DepthImage) -> Planned:
        with self._planning:
            return self._planner.plan_any(image)

    def _grasps(self, image: DepthImage, planned: Planned, header: Header) -> list[Grasp]:
        best = planned.grasps[:TOLD]
        return [
            Grasp(header, grasp_pose(position, turned), float(quality), pixel.tolist(), float(angle), float(depth))
            for position, turned, quality, pixel, angle, depth in zip(
                *best.poses(image), planned.qualities, best.pixels, best.angles, best.depths, strict=False
            )
        ]

    def _publish(self, grasps: list[Grasp]) -> None:
        if grasps:
            self._best.publish(grasps[0])
            self._pose.publish(PoseStamped(grasps[0].header, grasps[0].pose))

    def spin(self) -> None:
        """Plans in pictures as they come, where it is to, until the node is ended."""
        seen = None
        while not rospy.is_shutdown():
            with self._news:
                self._news.wait(0.2)
                depth, info = self._depth, self._info
            if not self._parameters.continuous or depth is seen or info is None:
                continue
            seen = depth
            try:
                image = self._image(depth, info, PlanGrasp._request_class())
                self._publish(self._grasps(image, self._plan(image), depth.header))
            except BadInput as error:
                rospy.logwarn_throttle(5.0, f"no grasp is planned: {error}")


def _main() -> None:
    GraspPlannerNode(read_parameters(GraspPlannerParameters)).spin()


def main() -> None:
    """The executable."""
    run_node("grasp_planner_node", _main)
