"""Any of the antipodal grasps that a depth picture's edges offer; what others are measured against."""

import numpy as np

from control_bench.controllers.grasping import GraspController, Planned
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.image_grasps import SamplerSettings, antipodal_pairs


class RandomGrasp(GraspController):
    """Draws one."""

    Settings = SamplerSettings

    def plan(self, image: DepthImage) -> Planned:
        grasps, _ = antipodal_pairs(image, self.gripper, self.settings, 1, self.rng)
        return Planned(grasps, np.full(len(grasps), 0.5))
