"""Parallel-jaw grippers as planning and labels see them: a palm and two fingers, all of them boxes.

A grasp's frame has its origin in the grip point, x along the axis that the jaws close on, and z where the gripper comes
from to where it goes: for a grasp from above, straight down.
"""

from dataclasses import dataclass

import numpy as np

from control_bench.errors import BadInput, nearest

ALIKE = 0.002
"""m"""


BOX = np.array([
    (0, 2, 3), (0, 3, 1), (4, 5, 7), (4, 7, 6), (0, 1, 5), (0, 5, 4), (2, 6, 7), (2, 7, 3), (0, 4, 6), (0, 6, 2),
    (1, 3, 7), (1, 7, 5),
], np.int32)  # fmt: skip
"""The triangles of a box, seen from outside against the clock; corner i is at the upper end of axis k where i has bit
k."""


@dataclass(frozen=True)
class Gripper:
    """Lengths in m.

    Attributes:
        opening: between the jaws while the gripper approaches, and so the widest that it takes hold of. narrowest: that
            it closes to.
        finger: its thickness (along x), breadth (y) and length (z). reach: from the grip point to the fingertips.
        palm: the housing that the fingers come out of, along x, y and z.
        force: that each jaw presses with, N.
    """

    name: str
    opening: float
    narrowest: float
    finger: tuple[float, float, float]
    reach: float
    palm: tuple[float, float, float]
    force: float

    def boxes(self, width: float | np.ndarray | None = None) -> np.ndarray:
        """The lower and upper corners (..., 3 boxes, 2, 3) of both fingers and the palm in the grasp's frame, m, with
        the jaws so wide (...), or open."""
        width = np.asarray(self.opening if width is None else width, dtype=float)
        thickness, breadth, length = self.finger
        top, corners = self.reach - length, np.zeros((*width.shape, 3, 2, 3))
        for finger, side in enumerate((-1.0, 1.0)):
            inner, outer = side * width / 2.0, side * (width / 2.0 + thickness)
            corners[..., finger, 0, 0], corners[..., finger, 1, 0] = np.minimum(inner, outer), np.maximum(inner, outer)
            corners[..., finger, :, 1] = -breadth / 2.0, breadth / 2.0
            corners[..., finger, :, 2] = top, self.reach
        for axis in range(2):
            corners[..., 2, :, axis] = -self.palm[axis] / 2.0, self.palm[axis] / 2.0
        corners[..., 2, :, 2] = top - self.palm[2], top
        return corners

    def mesh(self, width: float) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (24, 3), m, in the grasp's frame, and faces (36, 3) of those boxes."""
        ends = (np.arange(8)[:, None] >> np.arange(3)) & 1
        corners = np.concatenate([box[ends, np.arange(3)] for box in self.boxes(width)])
        return corners, np.concatenate([BOX + 8 * number for number in range(3)])

    def alike(self, other: "Gripper") -> bool:
        """Whether a grasp of one is a grasp of the other: the same opening and fingers, to ALIKE."""
        mine, its = (np.array([one.opening, *one.finger[:2], one.reach]) for one in (self, other))
        return bool(np.abs(mine - its).max() <= ALIKE)


GRIPPERS = {
    gripper.name: gripper
    for gripper in (
        # Schunk's WSG 50, opened as far as the YuMi's of the paper, which Dex-Net's labels are about.
        Gripper("wsg50", 0.05, 0.0, (0.010, 0.020, 0.060), 0.010, (0.146, 0.050, 0.0725), 20.0),
        # Franka Emika's hand as pybullet_data has it, opened no further than that, so that one network serves both.
        Gripper("panda", 0.05, 0.0, (0.0105, 0.021, 0.0454), 0.010, (0.204, 0.063, 0.066), 20.0),
    )
}


def gripper_of(name: str) -> Gripper:
    """One of ours by its name; BadInput for an unknown one."""
    if name not in GRIPPERS:
        raise BadInput(f"there is no gripper '{name}', {nearest(name, GRIPPERS)}")
    return GRIPPERS[name]
