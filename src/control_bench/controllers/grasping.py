"""What controllers share that plan grasps in depth pictures: from a picture to the action, whatever plans between.

A camera's pictures are scaled by a factor that differs from one to the next (Dex-Net's noise model, and real cameras as
they warm up). Where the table is known to be, the factor is seen, and taken out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from scipy import ndimage

from control_bench.controllers.base import Controller
from control_bench.grasping.camera import Camera
from control_bench.grasping.command import NO_GRASP
from control_bench.grasping.depth_image import DepthImage, Table, fill_holes, standing
from control_bench.grasping.gripper import Gripper
from control_bench.grasping.image_grasps import ImageGrasps

TALLEST = 0.2
"""m above the table: what is higher is the robot itself."""
HIDING = 0.06
"""m: what is nearer to a grip point belongs to what has to be seen of it."""


@dataclass(frozen=True)
class Planned:
    """Grasps and their qualities (n,), the best first."""

    grasps: ImageGrasps
    qualities: np.ndarray

    @classmethod
    def none(cls) -> "Planned":
        return cls(ImageGrasps.none(), np.zeros(0))


class GraspController(Controller):
    """Of a planner of one's own: `plan`.

    Args:
        camera: where it stands over the table. gripper: that the grasps are for.

    Attributes:
        last: what was planned last, for those that look on.
    """

    uses = ("camera", "gripper")

    def __init__(
        self, observation_space: spaces.Space, action_space: spaces.Space, settings: Any = None, seed: int = 0,
        camera: Camera | None = None, gripper: Gripper | None = None,
    ) -> None:  # fmt: skip
        super().__init__(observation_space, action_space, settings, seed)
        self.camera, self.gripper = camera, gripper
        self.last = Planned.none()
        self._action = NO_GRASP.astype(np.float32)

    def begin(self, seed: int) -> None:
        super().begin(seed)
        self.last = Planned.none()
        self._action = NO_GRASP.astype(np.float32)

    def plan(self, image: DepthImage) -> Planned:
        """The grasps of a picture that shows something to grasp."""
        raise NotImplementedError

    def plan_any(self, image: DepthImage) -> Planned:
        """The grasps of any picture: none where nothing is to be grasped."""
        return self.plan(image) if image.mask.any() else Planned.none()

    def act(self, observation: np.ndarray) -> np.ndarray:
        """The best grasp; while the robot itself hides what is there, the one before."""
        image, robot = self.see(observation)
        if self._hides_the_target(robot):
            return self._action
        self.last = planned = self.plan_any(image)
        if not len(planned.grasps):
            return NO_GRASP.astype(np.float32)
        x, y, z, yaw = planned.grasps[:1].placed(self.camera)[0]
        self._action = np.array([x, y, z, yaw, planned.qualities[0]], np.float32)
        return self._action

    def _hides_the_target(self, robot: np.ndarray) -> bool:
        """Whether a robot, bool (height, width), is before what is to be grasped, or so near that only parts of it are
        seen."""
        if self._action[4] < 0.0 or not robot.any():
            return False
        middle = self.camera.view.to_camera(self._action[:3].astype(float))
        (column, row), reach = self.camera.intrinsics.project(middle), self.camera.intrinsics.fx * HIDING / middle[2]
        rows, columns = np.nonzero(robot)
        return bool(((rows - row) ** 2 + (columns - column) ** 2 <= reach**2).any())

    def see(self, observation: np.ndarray) -> tuple[DepthImage, np.ndarray]:
        """The picture made ready, without the robot, and where there was a robot in it, bool (height, width)."""
        table, intrinsics = Table.below(self.camera), self.camera.intrinsics
        known = observation > 0.0
        if not known.any():
            nowhere = np.zeros(known.shape, dtype=bool)
            return DepthImage(table.picture.astype(np.float32), intrinsics, table, nowhere, 1.0), nowhere
        factor = float(np.median(observation[known] / table.picture[known]))
        depth = np.where(known, observation / factor, 0.0).astype(np.float32)
        mask, robot = without_robot(fill_holes(depth), table)
        depth = np.where(robot, table.picture, depth).astype(np.float32)
        return DepthImage.of(depth, intrinsics, mask, table), robot


def without_robot(depth: np.ndarray, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """What stands on the table and is in one piece with nothing as tall as a robot, and what is; bool (height, width)
    both, the robot with some pixels around it."""
    mask = standing(depth, table)
    tall = mask & ((table.picture - depth) * table.steepness > TALLEST)
    if not tall.any():
        return mask, np.zeros_like(mask)
    pieces, _ = ndimage.label(mask)
    robot = np.isin(pieces, np.unique(pieces[tall])) & mask
    robot = ndimage.binary_dilation(robot, iterations=4)
    return mask & ~robot, robot
