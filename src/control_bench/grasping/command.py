"""What a command of a grasp is, for those who need nothing else of grasping.

Five numbers: x y z, m, and yaw, rad, of the grip point and the jaws' axis in the table's frame, and the quality that
whoever planned it thinks it has.
"""

import numpy as np
from scipy.spatial.transform import Rotation

GRASP_TIME = 8.0
"""s, that a hand is given for a whole grasp; what takes longer has failed."""
NO_GRASP = np.array([0.0, 0.0, 0.0, 0.0, -1.0])
"""The action and the command of who sees no grasp to be had: five numbers as of one, its quality less than 0."""


def from_above(yaw: float) -> Rotation:
    """Of a gripper that points straight down, its jaws' axis turned by yaw, rad."""
    return Rotation.from_euler("z", yaw) * Rotation.from_euler("x", np.pi)
