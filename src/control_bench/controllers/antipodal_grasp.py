"""A rule: two edges that face away from each other, with room for both fingers, near the object's middle.

Source: the image-based baseline of Mahler et al. 2017: force closure as far as a picture's edges tell it, and of those
grasps the nearest to the middle of what is seen.
"""

from dataclasses import dataclass

import numpy as np

from control_bench.controllers.grasping import GraspController, Planned
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.gripper import Gripper
from control_bench.grasping.image_grasps import ImageGrasps, SamplerSettings, antipodal_pairs, deepest, surface
from control_bench.settings import require, require_positive


@dataclass(frozen=True)
class AntipodalGraspSettings(SamplerSettings):
    """See SamplerSettings; here the lower its friction the nearer to antipodal.

    Attributes:
        pairs: that are looked at. depth: of the grip point below the surface, m, if the table lets it.
        far: m; a grasp so far from the middle is worth half of one in the middle.
        crowded: m; what a finger comes down on may be so much higher than its tip, for noise.
    """

    friction: float = 0.4
    pairs: int = 1000
    depth: float = 0.015
    far: float = 0.05
    crowded: float = 0.005

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "pairs", "depth", "far")
        require(self.crowded >= 0, f"crowded: {self.crowded!r} should be 0 or more")


class AntipodalGrasp(GraspController):
    """Ranks grasps by a rule."""

    Settings = AntipodalGraspSettings

    def plan(self, image: DepthImage) -> Planned:
        s = self.settings
        grasps, _ = antipodal_pairs(image, self.gripper, s, s.pairs, self.rng)
        if not len(grasps):
            return Planned(grasps, np.zeros(0))
        near = surface(image, grasps.pixels)
        depths = np.minimum(near + s.depth, deepest(image, grasps.pixels, self.gripper))
        grasps = ImageGrasps(grasps.pixels, grasps.angles, depths)
        free = room_for_fingers(image, grasps, self.gripper, s.crowded)
        rows, columns = np.nonzero(image.mask)
        away = np.linalg.norm(grasps.pixels - [columns.mean(), rows.mean()], axis=1) * near / image.intrinsics.fx
        quality = np.where(free, 1.0, 0.1) / (1.0 + (away / s.far) ** 2)
        order = np.argsort(-quality, kind="stable")
        return Planned(grasps[order], quality[order])


def room_for_fingers(image: DepthImage, grasps: ImageGrasps, gripper: Gripper, crowded: float) -> np.ndarray:
    """Whether nothing higher than the fingertips is seen where both open fingers come down, bool (n,)."""
    thickness, breadth, _ = gripper.finger
    across, beside = (np.linspace(-0.5, 0.5, 3) * edge for edge in (thickness, breadth))
    spots = np.stack(np.meshgrid(across, beside), axis=-1).reshape(-1, 2)
    jaw = np.array([gripper.opening / 2.0 + thickness / 2.0, 0.0])
    spots = np.concatenate([spots + jaw, spots - jaw])  # (18, 2), m, along the jaws' axis and across
    cos, sin = np.cos(grasps.angles)[:, None], np.sin(grasps.angles)[:, None]
    turned = np.stack([cos * spots[:, 0] - sin * spots[:, 1], sin * spots[:, 0] + cos * spots[:, 1]], axis=-1)
    pixels = grasps.pixels[:, None] + turned * (image.intrinsics.fx / grasps.depths)[:, None, None]
    height, width = image.depth.shape
    columns, rows = np.round(pixels).astype(int).transpose(2, 0, 1)
    seen = image.depth[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return (seen >= (grasps.depths + gripper.reach - crowded)[:, None]).mean(axis=1) > 0.8
