"""Grasps as a camera's picture has them, and the antipodal ones that its edges offer.

Source: the sampler of Mahler et al. 2017 and of its published code.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from control_bench.grasping.camera import Camera, Intrinsics
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.grasps import lowest
from control_bench.grasping.gripper import Gripper
from control_bench.settings import require, require_positive

DEEP = (0.005, 0.04)
"""m below the nearest surface at a grasp's middle: where grip points are drawn."""
BLOCK = 3
"""Pixels of the picture to an edge of one that edges are looked for in: their means are less noisy."""
MOST_EDGES = 600
"""Pixels of edges that pairs are made of; more are thinned out by chance."""


@dataclass(frozen=True)
class ImageGrasps:
    """pixels (n, 2): column and row of the grip points; angles (n,), rad: of the jaws' axis in the picture, from right
    to down; depths (n,), m, along the camera's axis."""

    pixels: np.ndarray
    angles: np.ndarray
    depths: np.ndarray

    def __len__(self) -> int:
        return len(self.angles)

    def __getitem__(self, which) -> "ImageGrasps":
        return ImageGrasps(self.pixels[which], self.angles[which], self.depths[which])

    @classmethod
    def none(cls) -> "ImageGrasps":
        return cls(np.zeros((0, 2)), np.zeros(0), np.zeros(0))

    @classmethod
    def joined(cls, several: list["ImageGrasps"]) -> "ImageGrasps":
        columns = zip(*((one.pixels, one.angles, one.depths) for one in several), strict=True)
        return cls(*map(np.concatenate, columns))

    def seen(self, intrinsics: Intrinsics, approach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Grip points (n, 3), m, and the jaws' axes (n, 3), unit vectors square to the approach (3,), both in the
        camera's optical frame."""
        middles = intrinsics.deproject(self.pixels, self.depths)
        along = np.stack([np.cos(self.angles), np.sin(self.angles)], axis=1)
        # A pixel further along the axis, and on the plane through the grip point that is square to the approach.
        rays = intrinsics.deproject(self.pixels + along, np.ones(len(self)))
        axes = rays * (middles @ approach / (rays @ approach))[:, None] - middles
        return middles, axes / np.linalg.norm(axes, axis=1, keepdims=True)

    def poses(self, image: DepthImage) -> tuple[np.ndarray, np.ndarray]:
        """Of the gripper in the camera's optical frame: grip points (n, 3), m, and quaternions (n, 4) x y z w. It comes
        square to the table, or along the camera's axis where no table is known."""
        approach = np.array([0.0, 0.0, 1.0]) if image.table is None else -image.table.normal
        middles, axes = self.seen(image.intrinsics, approach)
        frames = np.stack([axes, np.cross(approach, axes), np.broadcast_to(approach, axes.shape)], axis=2)
        return middles, Rotation.from_matrix(frames).as_quat() if len(self) else np.zeros((0, 4))

    def placed(self, camera: Camera) -> np.ndarray:
        """Grasps from above in the table's frame (n, 4): x y z, m, and yaw, rad, of a camera whose place is known."""
        middles, axes = self.seen(camera.intrinsics, -camera.view.axes[:, 2])
        axes = axes @ camera.view.axes
        return np.column_stack([camera.view.to_world(middles), np.arctan2(axes[:, 1], axes[:, 0])])


def deepest(image: DepthImage, pixels: np.ndarray, gripper: Gripper) -> np.ndarray:
    """How deep (n,), m, grip points may be before fingertips come too near the table, as far as one is known."""
    if image.table is None:
        return np.full(len(pixels), np.inf)
    # Along a ray the height falls as the depth grows: h = away + depth * (ray . normal).
    rays = image.intrinsics.deproject(pixels, np.ones(len(pixels)))
    return (lowest(gripper) - image.table.away) / (rays @ image.table.normal)


def surface(image: DepthImage, pixels: np.ndarray) -> np.ndarray:
    """The least depth (n,), m, of two by two pixels there."""
    height, width = image.depth.shape
    column, row = (np.clip(np.floor(pixels[:, k]).astype(int), 0, edge - 2) for k, edge in ((0, width), (1, height)))
    block = [image.depth[row + down, column + right] for down in (0, 1) for right in (0, 1)]
    return np.min(block, axis=0)


def on_mask(image: DepthImage, pixels: np.ndarray) -> np.ndarray:
    """Which of the pixels (n, 2) lie where grasps may be, bool (n,)."""
    height, width = image.mask.shape
    columns, rows = np.round(pixels).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    return inside & image.mask[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]


def draw_depths(image: DepthImage, pixels: np.ndarray, gripper: Gripper, rng: np.random.Generator) -> np.ndarray:
    """Depths of grip points (n,), m: some way below the surface, and not into the table."""
    return np.minimum(surface(image, pixels) + rng.uniform(*DEEP, len(pixels)), deepest(image, pixels, gripper))


@dataclass(frozen=True)
class SamplerSettings:
    """friction: half the angle of the cones that a grasp's axis has to lie in is its arc tangent. smooth: deviation of
    the Gaussian, in blocks of pixels. gradient: m a block, from which on depth has an edge."""

    friction: float = 0.8
    smooth: float = 1.0
    gradient: float = 0.0025

    def __post_init__(self) -> None:
        require_positive(self, "friction", "gradient")
        require(0 <= self.smooth <= 20, f"smooth: {self.smooth!r} should be 0 to 20")


def edges(image: DepthImage, settings: SamplerSettings) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 2) of depth edges on what may be grasped, and unit normals (n, 2), away from what is nearer."""
    height, width = (edge // BLOCK for edge in image.depth.shape)
    small = image.depth[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK).mean(axis=(1, 3))
    mask = image.mask[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK).any(axis=(1, 3))
    down, right = np.gradient(ndimage.gaussian_filter(small, settings.smooth))
    steep = np.hypot(right, down)
    rows, columns = np.nonzero((steep > settings.gradient) & ndimage.binary_dilation(mask))
    normals = np.stack([right, down], axis=-1)[rows, columns] / steep[rows, columns, None]
    return (np.stack([columns, rows], axis=1) + 0.5) * BLOCK - 0.5, normals


def antipodal_pairs(
    image: DepthImage, gripper: Gripper, settings: SamplerSettings, count: int, rng: np.random.Generator
) -> tuple[ImageGrasps, np.ndarray]:
    """At most so many grasps whose jaws meet two edges that face away from each other, drawn from all such pairs; and
    the ends of their axes, pixels (n, 2 ends, 2)."""
    points, normals = edges(image, settings)
    if len(points) > MOST_EDGES:
        some = rng.choice(len(points), MOST_EDGES, replace=False)
        points, normals = points[some], normals[some]
    if len(points) < 2:
        return ImageGrasps.none(), np.zeros((0, 2, 2))
    first, second = np.triu_indices(len(points), 1)
    across = points[second] - points[first]
    length = np.maximum(np.linalg.norm(across, axis=1), 1e-9)
    axes, least = across / length[:, None], 1.0 / np.hypot(1.0, settings.friction)
    facing = (np.einsum("ni,ni->n", normals[first], axes) <= -least) & (
        np.einsum("ni,ni->n", normals[second], axes) >= least
    )
    first, second, length = first[facing], second[facing], length[facing]
    ends = np.stack([points[first], points[second]], axis=1)
    middles = ends.mean(axis=1)
    fit = length * surface(image, middles) / image.intrinsics.fx <= gripper.opening
    chosen = np.flatnonzero(fit & on_mask(image, middles))
    if len(chosen) > count:
        chosen = rng.choice(chosen, count, replace=False)
    ends, middles = ends[chosen], middles[chosen]
    across = ends[:, 1] - ends[:, 0]
    depths = draw_depths(image, middles, gripper, rng)
    return ImageGrasps(middles, np.arctan2(across[:, 1], across[:, 0]), depths), ends
